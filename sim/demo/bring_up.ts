import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { untilAborted } from '../../src/crm/until_aborted.ts';
import { CallwireError } from '../../src/errors.ts';
import { prepareStack } from '../../stack/prepare.ts';
import { freePorts, startStack } from '../../stack/stack.ts';
import { Installation, type StackAccess } from '../installation/installation.ts';
import { WebhookHub } from '../installation/webhook_hub.ts';
import type { WorkerProcess } from '../installation/worker_process.ts';
import { canSpeak } from '../phone/voice.ts';
import { CallWatch } from './call_watch.ts';
import type { Demo } from './demo_context.ts';
import { connectsOnce, givenModel } from './real_model.ts';
import { styled } from './terminal.ts';
import { Timeline } from './timeline.ts';

export const SCENARIO = fileURLToPath(new URL('../realtime/scenarios/demo.yaml', import.meta.url));
const PROFILE = fileURLToPath(new URL('../../agent/profiles/receptionist.yaml', import.meta.url));

/** Made up, as everybody here. */
const NUMBER = '+15550104000';

export const CONTACT = {
  id: 'c-1001',
  name: 'Ada Lovelace',
  phone: '+15550104001',
  email: 'ada@example.com',
  accountStatus: 'gold',
  preferredLanguage: 'en',
};

const EXIT_NOTICED_MS = 2_000;

/** A Callwire that takes calls, and who watches it. */
export interface Running {
  installation: Installation;
  watch: CallWatch;
  timeline: Timeline;
}

/** Starts everything, a line for each part. Rejects with what failed, or the signal's reason. */
export async function bringUp(demo: Demo): Promise<Running> {
  const { terminal, signal, onEnd } = demo;
  terminal.line(
    `${styled('bold', 'Callwire demo')}: a phone call through a real LiveKit and a real worker.\n` +
      'Stand-ins take the place of the phone, the CRM backend and, without a key, the model.\n',
  );
  const model = givenModel();
  // Before anything is built: the worker would refuse the call without saying why.
  if (model) {
    await terminal.step(
      'model',
      () => untilAborted(connectsOnce(model, signal), signal),
      () => `${model.baseUrl}, OPENAI_API_KEY is set: it takes the key`,
    );
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'callwire-demo-'));
  onEnd(() => rm(dataDir, { recursive: true, force: true }));
  const stack = await bringUpStack(demo, dataDir);

  const log = createWriteStream(join(demo.folder, 'worker.log'), { mode: 0o600 });
  onEnd(() => once(log.end(), 'close'));
  const timeline = new Timeline((line) => terminal.line(line));
  onEnd(async () => timeline.end());
  let watch: CallWatch | undefined;
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
  describeStandIns(demo, installation);

  await terminal.step(
    'worker',
    () => untilAborted(startWorker(demo, installation), signal),
    ({ pid }) => `pid ${pid}, registered, the process of the next call is warm`,
  );
  watch = await CallWatch.open(installation, timeline);
  const watched = new AbortController();
  const { store } = watch;
  const watching = watch.run(watched.signal).catch(async (error) => {
    // The ledger is read through the worker: where that has ended, it is the worker's end that counts.
    await installation.worker.exited(EXIT_NOTICED_MS).catch(() => demo.fail(error));
  });
  onEnd(async () => {
    watched.abort();
    await watching;
    await store.close();
  });
  return { installation, watch, timeline };
}

async function bringUpStack(demo: Demo, dataDir: string): Promise<StackAccess> {
  const { terminal, signal, onEnd, fail } = demo;
  const programs = await prepareStack({ signal });
  const keys = { apiKey: 'demo', apiSecret: randomBytes(24).toString('base64url') };
  const hub = await WebhookHub.start();
  onEnd(() => hub.close());
  const { webhookUrl } = hub;
  const stack = await terminal.step(
    'LiveKit and SIP',
    async () =>
      startStack({ ports: await freePorts(), dataDir, keys, signal, programs, webhookUrl }),
    ({ url, sip }) => `${url}, sip:${sip.host}:${sip.port}`,
  );
  onEnd(() => stack.stop());
  stack.onExit(fail);
  return { url: stack.url, sip: stack.sip, ...keys, webhookHub: hub.url };
}

function describeStandIns({ terminal }: Demo, { backend, model }: Installation): void {
  terminal.good('CRM backend', `${backend.url}, a stand-in; knows ${CONTACT.name}`);
  if (model) terminal.good('model', `${model.url}, a stand-in: OPENAI_API_KEY is not set`);
  if (canSpeak()) return;
  const so = model ? 'you will hear sounds, not words' : 'the model will not understand the caller';
  terminal.line(`    ${styled('yellow', `espeak-ng is not installed: ${so}`)}`);
}

async function startWorker(demo: Demo, installation: Installation): Promise<WorkerProcess> {
  const { fail, signal } = demo;
  await installation.provision();
  // Nothing may be started any more when the cleanup has begun.
  signal.throwIfAborted();
  const started = installation.startWorker();
  const { worker } = installation;
  const exited = ({ code, signal: killedBy }: Awaited<ReturnType<WorkerProcess['exited']>>) => {
    const said = worker.output.filter((line) => line !== 'registered');
    const how = killedBy ? `was killed by ${killedBy}` : `has ended with exit code ${code}`;
    const message = [`The worker ${how}.`, ...said].join('\n');
    fail(new CallwireError('DEMO_WORKER_EXITED', message, { remedy: 'Its log says why.' }));
  };
  worker.exited(Number.MAX_SAFE_INTEGER).then(exited, fail);
  return started;
}
