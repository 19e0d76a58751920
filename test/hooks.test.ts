import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { waitFor } from '../sim/installation/wait_for.ts';
import { answers } from '../sim/phone/callee.ts';
import { PHONE_RATE, resample, writeWav } from '../sim/phone/wav.ts';
import { PCM_RATE } from '../sim/realtime/pcm.ts';
import type { SessionLog } from '../sim/realtime/session_log.ts';
import { toneSpeech } from '../sim/realtime/voice.ts';
import { verifyStandard, verifyVeevo } from '../src/events/signatures.ts';
import { type AskedHook, backendServer, sendJson } from '../src/hooks/testing/backend_server.ts';
import { builtWithGo } from './built_with_go.ts';
import { Caller } from './caller.ts';
import { ExampleServer } from './example_server.ts';
import { sharedInstallation } from './shared_installation.ts';
import { wholeRecord } from './whole_record.ts';

/** Made up. */
const SECRET = 'a-made-up-secret-of-the-hooks';
const BACKEND_KEY = 'sk-a-made-up-key-of-the-backend';
const TWILIO_TOKEN = 'a-made-up-twilio-token';

const NUMBER = '+15550113000';
/** Its profile speaks for itself where the backend does not. */
const LENIENT = '+15550113001';
/** Its profile has somebody else for callers whom the backend does not speak for. */
const FORWARDING = '+15550113003';
/** Its profile is written while the worker runs. */
const WRITTEN = '+15550113002';
const ADA = '+15550113101';

type Answer = (asked: AskedHook) => unknown;
const nothing: Answer = () => undefined;
const says: { start: Answer; tool: Answer } = { start: nothing, tool: nothing };

/** A recording of the words, as the phone hears the stand-in for the model. */
const recording = writeWav(resample(toneSpeech('Hello Ada.'), PCM_RATE, PHONE_RATE));

/** Whatever a test lets it say; `undefined` is never answered. */
const backend = await backendServer((response, asked) => {
  if (asked.path === '/hello.wav') return void response.end(recording);
  const answers: Record<string, Answer> = { '/start': says.start, '/tool': says.tool };
  const answer = answers[asked.path] ?? (() => ({}));
  void Promise.resolve(answer(asked)).then((body) => {
    if (body !== undefined) sendJson(response, body);
  });
});
afterAll(() => backend[Symbol.asyncDispose]());

const asked = (path: string) => backend.asked.filter((one) => one.path === path);

const QUIET = 'silence: { prompt_after_s: 0, hang_up_after_s: 0 }';
const HOOKS = `hooks:
  on_call_start: ${backend.url}/start
  on_tool_call: ${backend.url}/tool
  on_call_end: ${backend.url}/end
  secret_env: SIM_HOOK_SECRET
  may_forward: ["+1555"]`;

describe('a backend that is asked at ring time', () => {
  const installation = sharedInstallation({
    number: NUMBER,
    moreNumbers: [LENIENT, FORWARDING, WRITTEN],
    modelKeys: [BACKEND_KEY],
    contacts: [{ id: 'c1', name: 'Ada Lovelace', phone: ADA }],
    env: { SIM_HOOK_SECRET: SECRET, CALLING_HOURS: 'off', MAX_CALLS_PER_CALLER: '5' },
    profiles: {
      'desk.yaml': `name: Desk
prompt: Never used.
tools: [end_call]
${QUIET}
context: { budget_ms: 2000 }
${HOOKS}
`,
      'lenient.yaml': `name: Lenient
numbers: ["${LENIENT}"]
prompt: The profile’s own prompt.
first_message: ""
tools: [end_call]
${QUIET}
context: { budget_ms: 300, on_missing: answer }
${HOOKS}
`,
      'forwarding.yaml': `name: Forwarding
numbers: ["${FORWARDING}"]
prompt: Never used.
${QUIET}
transfers: { night: { to: "tel:+15550100300" } }
context: { budget_ms: 300, on_missing: forward, forward_to: night }
${HOOKS}
`,
    },
  });

  it('makes the agent of the call, does its tools, and is told of its end', async () => {
    const { model } = installation;
    says.start = () => ({
      systemPrompt: 'You are {{the}} agent of the backend.',
      greeting: 'Hello Ada.',
      greetingUrl: `${backend.url}/hello.wav`,
      voice: 'cedar',
      model: 'gpt-realtime-mini',
      openaiApiKey: BACKEND_KEY,
      twilioAuthToken: TWILIO_TOKEN,
      vadEagerness: 'high',
      noiseReduction: 'near_field',
      metadata: { customerId: 'cust_7' },
      tools: [
        {
          type: 'function',
          name: 'check_availability',
          description: 'Check a date.',
          parameters: {
            type: 'object',
            properties: { date: { type: 'string' }, size: { enum: ['small', 'large'] } },
            required: ['date'],
          },
        },
        { type: 'function', name: 'broken', parameters: { type: 'objekt' } },
      ],
    });
    says.tool = () => ({ result: 'Three left.' });
    model?.setScenario(`
turns:
  - hears: Is there one on the 15th?
    do: [{ call: { tool: check_availability, arguments: { date: April 15, size: small } } }]
    then: "{{ result.check_availability.result }}"
  - hears: A huge one?
    do: [{ call: { tool: check_availability, arguments: { size: huge } } }]
    then: "{{ result.check_availability.status }}"
on_instructed: One moment.
`);
    const caller = await Caller.dial(installation, { from: ADA, model: 'gpt-realtime-mini' });
    await caller.answered();
    await caller.hearsEnd();
    await asks(caller, 'Three left.');
    await asks(caller, 'invalid_arguments');
    await caller.call.hangUp();

    const session = await caller.session;
    expect(model?.keys[model.sessions.indexOf(session)]).toBe(BACKEND_KEY);
    expect(session.config).toMatchObject({
      instructions: 'You are {{the}} agent of the backend.',
      audio: {
        input: {
          turn_detection: { type: 'semantic_vad', eagerness: 'high' },
          noise_reduction: { type: 'near_field' },
        },
        output: { voice: 'cedar' },
      },
    });
    expect(session.config.tools.map(({ name }) => name).toSorted()).toEqual([
      'check_availability',
      'end_call',
    ]);
    // It has not greeted itself, and knows that somebody has.
    expect(answersOf(session)).toEqual(['Three left.', 'invalid_arguments']);
    expect(JSON.stringify(session.events)).toContain('Hello Ada.');

    const record = await wholeRecord(installation);
    const [start] = asked('/start').slice(-1);
    expect(start?.body).toMatchObject({
      callSid: record.callId,
      callerNumber: ADA,
      calledNumber: NUMBER,
      direction: 'inbound',
    });
    // Arguments that do not fit never reach it.
    const [tool, ...more] = asked('/tool');
    expect(more).toEqual([]);
    expect(tool?.body).toMatchObject({
      callSid: record.callId,
      toolName: 'check_availability',
      arguments: { date: 'April 15', size: 'small' },
      metadata: { customerId: 'cust_7' },
    });
    const { callId: toolCallId } = session.toolCalls[0] ?? {};
    expect(tool?.headers['idempotency-key']).toBe(`${record.callId}:${toolCallId}`);
    expect(record.ended).toMatchObject({ metadata: { customerId: 'cust_7' } });
    const end = await waitFor(
      () => asked('/end').find(({ body }) => body.callSid === record.callId),
      {
        what: 'the end hook',
      },
    );
    expect(end.body).toMatchObject({
      durationSeconds: record.ended.duration_seconds,
      transcript: expect.arrayContaining([
        { role: 'assistant', text: 'Hello Ada.' },
        { role: 'assistant', text: 'Three left.' },
      ]),
      costBreakdown: { totalCost: expect.any(Number) },
      metadata: { customerId: 'cust_7' },
    });
    for (const { headers, raw } of [start, tool, end].filter((one) => one !== undefined)) {
      const signed = { headers, body: raw, secrets: [SECRET] };
      expect([verifyVeevo(signed), verifyStandard(signed)]).toEqual(['valid', 'valid']);
    }
    expect(record.one('call.error')).toMatchObject({
      code: 'tool_refused',
      message: expect.stringContaining('broken'),
    });
  });

  it('turns a call away', async () => {
    says.start = () => ({ reject: { reason: 'closed' } });
    const caller = await Caller.dial(installation, { from: ADA });
    expect(await caller.call.ended()).toMatchObject({ by: 'rejected', status: 486 });
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({ end_reason: 'rejected', duration_seconds: 0 });
  });

  it('sends a call on to where the profile lets it', async () => {
    says.start = () => ({ forward: '+1 555 010 0200' });
    const caller = await Caller.dial(installation, { from: ADA });
    expect(await caller.call.ended()).toMatchObject({ by: 'them' });
    expect(caller.call.timeline.find(({ what }) => what === 'refer')).toMatchObject({
      target: 'tel:+15550100200',
      status: 202,
    });
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('forwarded');
    expect(record.one('call.transferred')).toMatchObject({ outcome: 'confirmed' });
  });

  it('that wants to forward elsewhere has nobody answered; one that says nothing in time is gone round', async () => {
    says.start = () => ({ forward: '+442079460000' });
    const refused = await Caller.dial(installation, { from: ADA });
    expect(await refused.call.ended()).toMatchObject({ by: 'rejected', status: 486 });
    const first = await wholeRecord(installation);
    expect(first.ended.end_reason).toBe('context_unavailable');
    expect(first.one('call.error')).toMatchObject({ code: 'forward_refused' });

    says.start = nothing;
    const unanswered = await Caller.dial(installation, { from: ADA, to: FORWARDING });
    expect(await unanswered.call.ended()).toMatchObject({ by: 'them' });
    expect(unanswered.call.timeline.find(({ what }) => what === 'refer')).toMatchObject({
      target: 'tel:+15550100300',
    });
    const second = await wholeRecord(installation);
    // Which of the two a busy machine sees is the REFER's business.
    expect(['forwarded', 'transfer_unconfirmed']).toContain(second.ended.end_reason);
    expect(second.one('call.error')).toMatchObject({ code: 'start_hook_failed' });
  });

  it('is heard late where the profile speaks meanwhile, and a slow tool is talked over', async () => {
    // 110 KB: it arrives whole.
    const latePrompt = `The late prompt.${' Mind this.'.repeat(10_000)}`;
    const late = Promise.withResolvers<unknown>();
    const slow = Promise.withResolvers<unknown>();
    says.start = () => late.promise;
    says.tool = () => slow.promise;
    installation.model?.setScenario(`
turns:
  - hears: How long does it take?
    do: [{ call: { tool: look_up } }]
    then: "It is {{ result.look_up.result.days }} days."
on_instructed: One moment.
`);
    const caller = await Caller.dial(installation, { from: ADA, to: LENIENT });
    await caller.answered();
    const session = await caller.session;
    expect(session.config.instructions).toBe('The profile’s own prompt.');
    late.resolve({
      systemPrompt: latePrompt,
      greeting: 'Too late.',
      voice: 'cedar',
      tools: [{ type: 'function', name: 'look_up' }],
    });
    await caller.model(({ config }) => config.instructions === latePrompt);
    await caller.model(({ config }) => config.tools.some(({ name }) => name === 'look_up'));
    expect(session.config.audio.output.voice).toBe('marin');
    await caller.asks();
    expect(session.said).toEqual(['One moment.']);
    slow.resolve({ result: { days: 3 } });
    await caller.hearsEnd();
    expect(session.said).toEqual(['One moment.', 'It is 3 days.']);
    await caller.call.hangUp();
    expect((await wholeRecord(installation)).ended.context).toBe('ready');
  });

  it('is asked about calls that are placed, too', async () => {
    const callee = '+15550113201';
    says.start = () => ({ systemPrompt: 'You call people.', greeting: '' });
    installation.carrier.subscribe(callee, answers({}));
    const { status, body } = await installation.request('POST', '/v1/calls', {
      body: { agentId: 'desk', phoneNumber: callee, knownConsent: true, metadata: { lead: 7 } },
    });
    expect(status).toBe(202);
    const call = await installation.carrier.waitForCall(callee);
    await waitFor(
      async () => {
        const shown = await installation.request('GET', `/v1/calls/${body.call.id}`);
        return shown.body.call.status === 'active';
      },
      { what: 'the answer' },
    );
    await call.hangUp();
    await wholeRecord(installation);
    expect(asked('/start').at(-1)?.body).toMatchObject({
      callSid: body.call.id,
      callerNumber: NUMBER,
      calledNumber: callee,
      direction: 'outbound',
    });
  });

  /**
   * A call is placed, and its process dies while the phone rings: another process takes the phone on,
   * and knows nothing of what the backend had said. It asks again, and says so. This proves that a
   * backend hears of the one call once more, as resumed, and makes its agent both times.
   */
  it('is asked again, as resumed, by the process that takes on a call whose own has died', async () => {
    const callee = '+15550113202';
    says.start = ({ body }) => ({ systemPrompt: body.resumed ? 'Go on.' : 'Begin.' });
    installation.carrier.subscribe(callee, answers({ ringMs: 8_000 }));
    const { body } = await installation.request('POST', '/v1/calls', {
      body: { agentId: 'desk', phoneNumber: callee, knownConsent: true },
    });
    const { id } = body.call;
    const call = await installation.carrier.waitForCall(callee);
    const statusIs = (status: string) =>
      waitFor(
        async () => {
          const shown = await installation.request('GET', `/v1/calls/${id}`);
          return shown.body.call.status === status;
        },
        { what: `the call to be ${status}`, deadlineMs: 30_000 },
      );
    await statusIs('ringing');
    process.kill(await installation.worker.callProcess(id), 'SIGKILL');
    await statusIs('active');
    const starts = asked('/start').filter((one) => one.body.callSid === id);
    expect(starts.map((one) => one.body.resumed)).toEqual([undefined, true]);
    const [, again] = starts;
    const signed = { headers: again!.headers, body: again!.raw, secrets: [SECRET] };
    expect(verifyVeevo(signed)).toBe('valid');
    const goesOn = () => installation.model?.sessions.at(-1)?.config.instructions === 'Go on.';
    await waitFor(goesOn, { what: 'the instructions of the second answer' });
    await call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.callId).toBe(id);
    await waitFor(() => asked('/end').some((one) => one.body.callSid === id), {
      what: 'the end hook',
    });
  });

  it.each(['node', 'python', 'go'] as const)(
    'can be the one of docs/hooks.md in %s, in a profile that is written meanwhile',
    async (language) => {
      await using program = await exampleBackend(language, { HOOK_SECRET: SECRET });
      const { AGENTS_DIR = '' } = installation.environment;
      await writeFile(
        join(AGENTS_DIR, 'written.yaml'),
        `name: Written
numbers: ["${WRITTEN}"]
prompt: Never used.
tools: []
${QUIET}
hooks:
  on_call_start: ${program.url}/calls/start
  on_tool_call: ${program.url}/calls/tool
  on_call_end: ${program.url}/calls/end
  secret_env: SIM_HOOK_SECRET
`,
      );
      installation.model?.setScenario(`
turns:
  - hears: On April 15, a small one.
    do: [{ call: { tool: check_availability, arguments: { date: April 15, size: small } } }]
    then: "{{ result.check_availability.result }}"
on_instructed: "{% if instructed contains 'Hello' %}{{ instructed }}{% else %}One moment.{% endif %}"
`);
      const caller = await Caller.dial(installation, { from: ADA, to: WRITTEN });
      await caller.hearsEnd();
      await asks(caller, 'We have 3 units on April 15.');
      await caller.call.hangUp();
      expect(answersOf(await caller.session)).toEqual([
        expect.stringMatching(/^Hello (Ada Lovelace|there), which date would you like\?$/),
        'We have 3 units on April 15.',
      ]);
      const { callId } = await wholeRecord(installation);
      await program.says(new RegExp(`^start ${callId}$`));
      await program.says(new RegExp(`^tool ${callId} check_availability .*April 15`));
      await program.says(new RegExp(`^end ${callId} \\d+s [34] lines, customer (c1|-)$`));
    },
  );

  it('gives keys that are found nowhere', async () => {
    const written = await everythingIn(installation.dataDir);
    const said = installation.worker.output.join('\n') + JSON.stringify(installation.worker.lines);
    expect(said).toContain('the start hook answered');
    for (const key of [BACKEND_KEY, TWILIO_TOKEN, SECRET]) {
      expect(said.includes(key)).toBe(false);
      expect(written.includes(key)).toBe(false);
    }
  });
});

/** Says something and hears the whole reply, which has a few words before it where the machine is busy. */
async function asks(caller: Caller, reply: string): Promise<void> {
  const { said } = await caller.session;
  const before = said.length;
  await caller.speaks();
  const spoken = await caller.model((log) => log.said.at(-1) === reply && log.said.length);
  for (let n = before; n < spoken; n++) await caller.hearsEnd();
}

function answersOf({ said }: SessionLog): string[] {
  return said.filter((words) => words !== 'One moment.');
}

const EXAMPLES = fileURLToPath(new URL('../docs/examples/hooks', import.meta.url));

async function exampleBackend(language: 'node' | 'python' | 'go', env: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'callwire-example-'));
  const commands = {
    node: () => [process.execPath, join(EXAMPLES, 'node/backend.mjs')],
    python: () => ['python3', join(EXAMPLES, 'python/backend.py')],
    go: async () => [await builtWithGo(join(EXAMPLES, 'go/main.go'), folder)],
  };
  const server = await ExampleServer.start(await commands[language](), env);
  return Object.assign(server, {
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  });
}

async function everythingIn(folder: string): Promise<string> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile());
  const texts = files.map((file) => readFile(join(file.parentPath, file.name), 'latin1'));
  return (await Promise.all(texts)).join('\n');
}
