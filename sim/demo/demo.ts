import { randomBytes } from 'node:crypto';
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readDotEnv } from '../../src/config/dot_env.ts';
import { untilAborted } from '../../src/crm/until_aborted.ts';
import { CallwireError } from '../../src/errors.ts';
import { prepareStack } from '../../stack/prepare.ts';
import { freePorts, startStack } from '../../stack/stack.ts';
import { Installation, type StackAccess } from '../installation/installation.ts';
import { concat, silence } from '../phone/speech.ts';
import { writeWav } from '../phone/wav.ts';
import { parseScenario } from '../realtime/scenario.ts';
import { CallWatch } from './call_watch.ts';
import { callerVoice, canSpeak, converse } from './caller.ts';
import { styled, type Terminal } from './terminal.ts';
import { Timeline } from './timeline.ts';
import { isDelivered, judge } from './verdict.ts';

const SCENARIO = fileURLToPath(new URL('../realtime/scenarios/demo.yaml', import.meta.url));
const PROFILE = fileURLToPath(new URL('../../agent/profiles/receptionist.yaml', import.meta.url));

/** Made up, and of nobody: 555-01xx is kept free for that. */
const NUMBER = '+15550104000';
const CONTACT = {
  id: 'c-1001',
  name: 'Ada Lovelace',
  phone: '+15550104001',
  email: 'ada@example.com',
  accountStatus: 'gold',
  preferredLanguage: 'en',
};
const EXPECTED_TOOLS = ['record_intent', 'lookup_crm', 'update_crm_note', 'end_call'];

const RINGING_LIMIT_MS = 30_000;
const DELIVERED_LIMIT_MS = 30_000;
/** What a softphone's caller does while the agent greets. */
const GREETING_MS = 4_500;

export interface DemoOptions {
  terminal: Terminal;
  /** Stay up after the call, until the signal. */
  keep: boolean;
  /** Ends everything, at any moment. */
  signal: AbortSignal;
}

/**
 * One call through a whole Callwire: a LiveKit stack and a worker of its own, stand-ins for model,
 * backend and phone. Resolves with whether everything that Callwire promises was seen; rejects with
 * what went wrong, or the signal's reason. Nothing is left running in any case.
 */
export async function runDemo({ terminal, keep, signal }: DemoOptions): Promise<boolean> {
  const ended = new AbortController();
  const broken = new AbortController();
  const running = AbortSignal.any([signal, broken.signal]);
  const cleanups: (() => Promise<unknown>)[] = [];
  const demo: Demo = {
    terminal,
    signal: running,
    fail: (error) => broken.abort(error),
    onEnd: (cleanup) => cleanups.push(cleanup),
    folder: await makeFolder(),
  };
  try {
    const { installation, watch, timeline, scripted } = await bringUp(demo);
    watch.run(ended.signal).catch(demo.fail);
    const ok = await oneCall(demo, installation, watch, timeline, scripted);
    if (!keep || !ok) return ok;
    await describeCallingIn(demo, installation);
    await untilAborted(new Promise<never>(() => undefined), running).catch((reason) => {
      if (!signal.aborted) throw reason;
    });
    timeline.end();
    return ok;
  } catch (error) {
    const reason = running.aborted ? running.reason : error;
    if (!signal.aborted) terminal.line(`\n  Log of the worker: ${join(demo.folder, 'worker.log')}`);
    throw reason;
  } finally {
    ended.abort();
    if (signal.aborted) terminal.line('\nstopping …');
    for (const cleanup of cleanups.reverse()) await cleanup().catch(() => undefined);
  }
}

interface Demo {
  terminal: Terminal;
  signal: AbortSignal;
  fail: (error: unknown) => void;
  onEnd: (cleanup: () => Promise<unknown>) => void;
  /** Recording and log; it survives. */
  folder: string;
}

interface Running {
  installation: Installation;
  watch: CallWatch;
  timeline: Timeline;
  /** Whether the model stand-in speaks, which does what its scenario says. */
  scripted: boolean;
}

async function bringUp(demo: Demo): Promise<Running> {
  const { terminal, signal, onEnd } = demo;
  terminal.line(
    styled('bold', 'Callwire demo') + ': a real call through a real LiveKit, SIP and the real worker.',
  );
  terminal.line('Only the ends are stand-ins: the phone, the CRM backend and the model.\n');
  const dataDir = await mkdtemp(join(tmpdir(), 'callwire-demo-'));
  onEnd(() => rm(dataDir, { recursive: true, force: true }));

  const stack = await bringUpStack(demo, dataDir);
  const log = createWriteStream(join(demo.folder, 'worker.log'));
  onEnd(() => closed(log));

  const timeline = new Timeline((line) => terminal.line(line));
  let watch: CallWatch | undefined;
  const model = realModel();
  const installation = await Installation.prepare({
    stack,
    number: NUMBER,
    contacts: [CONTACT],
    profiles: { 'receptionist.yaml': await readFile(PROFILE, 'utf8') },
    scenario: await readFile(SCENARIO, 'utf8'),
    voice: 'espeak',
    ...(model ? { model } : {}),
    onLogLine: (line) => {
      log.write(`${JSON.stringify(line)}\n`);
      watch?.takeLogLine(line);
    },
    onBackendRequest: (request) => watch?.takeRequest(request),
  });
  onEnd(() => installation.stop());
  terminal.good('CRM backend', `${installation.backend.url}, a stand-in; it knows ${CONTACT.name}`);
  if (installation.model) {
    terminal.good('model', `${installation.model.url}, a stand-in: OPENAI_API_KEY is not set`);
  } else {
    terminal.good('model', 'the real one: OPENAI_API_KEY is set');
  }
  if (!canSpeak()) {
    const consequence = model ? 'the model will not understand the caller' : 'sounds, not words';
    terminal.line(`    ${styled('yellow', `espeak-ng is not installed: ${consequence}`)}`);
  }
  await terminal.step(
    'worker',
    () => untilAborted(startWorker(demo, installation), signal),
    (worker) => `pid ${worker.pid}, registered, one call process warm`,
  );
  watch = await CallWatch.open(installation, timeline);
  const { store } = watch;
  onEnd(() => store.close());
  return { installation, watch, timeline, scripted: !model };
}

async function bringUpStack(demo: Demo, dataDir: string): Promise<StackAccess> {
  const { terminal, signal, onEnd, fail } = demo;
  const programs = await prepareStack({ signal });
  const keys = { apiKey: 'demo', apiSecret: randomBytes(24).toString('base64url') };
  const stack = await terminal.step(
    'LiveKit and SIP',
    async () => startStack({ ports: await freePorts(), dataDir, keys, signal, programs }),
    ({ url, sip }) => `${url}, sip:${sip.host}:${sip.port}`,
  );
  onEnd(() => stack.stop());
  stack.onExit(fail);
  return { url: stack.url, sip: stack.sip, ...keys };
}

async function startWorker({ fail }: Demo, installation: Installation) {
  await installation.provision();
  const started = installation.startWorker();
  const { worker } = installation;
  worker.exited(Number.MAX_SAFE_INTEGER).then(
    () =>
      fail(
        new CallwireError(
          'DEMO_WORKER_EXITED',
          ['The worker has ended.', ...worker.output].join('\n'),
          { remedy: 'Its log says why.' },
        ),
      ),
    () => undefined,
  );
  return started;
}

/** The real model where its key is given, in the environment or in `.env`. */
function realModel(): { apiKey: string; baseUrl?: string | undefined } | undefined {
  const settings = { ...readDotEnv(process.cwd()), ...process.env };
  const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl } = settings;
  return apiKey ? { apiKey, baseUrl } : undefined;
}

async function oneCall(
  demo: Demo,
  installation: Installation,
  watch: CallWatch,
  timeline: Timeline,
  scripted: boolean,
): Promise<boolean> {
  const { terminal, signal } = demo;
  terminal.line(`\n${CONTACT.name}, ${CONTACT.phone}, calls ${NUMBER}\n`);
  const call = await installation.dial({ from: CONTACT.phone });
  watch.followPhone(call);
  const recording = join(demo.folder, 'call.wav');
  const recorded = call.record(recording, signal);
  recorded.catch(() => undefined);

  await call.answered(signal, RINGING_LIMIT_MS);
  await converse(call, { lines: callerLines(await scenario()), voice: callerVoice(), signal });
  await recorded;
  await everythingDelivered(installation, watch, signal);
  timeline.end();

  const findings = judge({
    answeredAt: watch.answeredAt,
    context: watch.first?.context,
    events: watch.first?.events ?? [],
    received: installation.backend.received,
    refused: installation.backend.refused,
    tools: watch.first?.tools ?? [],
    expectedTools: scripted ? EXPECTED_TOOLS : [],
  });
  terminal.line();
  for (const { ok, title, detail } of findings) {
    if (ok) terminal.good(title, detail);
    else terminal.bad(title, detail);
  }
  const notes = installation.backend.writes.map(({ operation }) => operation);
  terminal.good('CRM', `written: ${notes.join(', ') || 'nothing'}`);
  terminal.line(`\n  Recording  ${recording}  (stereo: left the caller, right the agent)`);
  const ok = findings.every((finding) => finding.ok);
  if (!ok) terminal.line(`  Log        ${join(demo.folder, 'worker.log')}`);
  return ok;
}
