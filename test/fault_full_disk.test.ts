import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { SmallDisk } from '../sim/installation/small_disk.ts';
import { waitFor } from '../sim/installation/wait_for.ts';
import { Caller } from './caller.ts';
import { roomIsGone, roomOfCaller } from './room_of_caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { wholeRecord } from './whole_record.ts';

const CALLER = '+15550100001';
const RECORDED = '+15550107041';

const SALES = `turns:
  - hears: I want to talk to sales.
    do: [{ call: { tool: record_intent, arguments: { intent: sales } } }]
    then: One moment.
  - hears: Are you still there?
    say: I am.
  - hears: And now?
    do: [{ call: { tool: record_intent, arguments: { intent: support } } }]
    then: Noted.
`;

let disk: SmallDisk;
beforeAll(async () => {
  disk = await SmallDisk.mount({ megabytes: 16 });
});
beforeEach(() => disk.free());
afterAll(() => disk?.unmount());

const installation = sharedInstallation({
  number: '+15550107040',
  moreNumbers: [RECORDED],
  scenario: SALES,
  get dataDir() {
    return disk.path;
  },
  contacts: [{ id: 'c1', name: 'Ada Lovelace', phone: CALLER }],
  env: { RETRY_SCHEDULE: Array(60).fill('800ms').join(',') },
  profiles: {
    'desk.yaml': `name: Front desk
prompt: Help.
first_message: "Hi {{contact.name}}, this is Northwind."
silence: { prompt_after_s: 0, hang_up_after_s: 0 }`,
    'recorded.yaml': `name: Recorded
numbers: ["${RECORDED}"]
prompt: Help.
first_message: "Hi."
recording: { after_disclosure: false }
silence: { prompt_after_s: 0, hang_up_after_s: 0 }`,
  },
});

const toolResults = async (caller: Caller) =>
  (await caller.session).toolResults.map(({ output }) => JSON.parse(output));

/*
 * t=0 the phone is answered; then the disk is full, and neither database nor spool takes a word.
 * The call goes on. A tool that promises durability says that it failed. When there is room again,
 * what was tried meanwhile is recorded too, in its order.
 */
it('a call goes on while the disk is full, and nothing of it is missing afterwards', async () => {
  const caller = await Caller.dial(installation);
  await caller.hearsEnd();
  await disk.fill();
  await caller.asks();
  expect(await toolResults(caller)).toEqual([expect.objectContaining({ status: 'failed' })]);
  await caller.asks();

  const log = await installation.worker.waitForLine(
    ({ msg }) => msg === 'ledger append failed, will be repeated',
  );
  expect(JSON.stringify(log.err)).toContain('Free space on the disk that holds DATA_DIR');
  const readiness = await waitFor(
    async () => {
      const answer = await installation.request('GET', '/readyz');
      return answer.status === 503 && answer;
    },
    { what: 'a worker that is not ready' },
  );
  expect(readiness.body.checks.database).toEqual({ ok: false, error: 'STORE_FULL' });
  const url = 'https://backend.example/hook';
  expect(await installation.request('POST', '/v1/webhooks', { body: { name: 'x', url } })).toEqual({
    status: 503,
    body: { error: { code: 'unavailable', message: expect.any(String) } },
  });

  await disk.free();
  await waitFor(async () => (await installation.request('GET', '/readyz')).status === 200, {
    what: 'a worker that is ready again',
  });
  await caller.asks();
  expect((await toolResults(caller)).at(-1)).toEqual({ status: 'recorded' });
  await caller.call.hangUp();
  const record = await wholeRecord(installation);
  expect(record.ended).toMatchObject({
    end_reason: 'caller_hung_up',
    transcript: [
      'Agent: Hi Ada Lovelace, this is Northwind.',
      'Caller: I want to talk to sales.',
      'Agent: One moment.',
      'Caller: Are you still there?',
      'Agent: I am.',
      'Caller: And now?',
      'Agent: Noted.',
    ].join('\n'),
  });
  expect(record.all('intent.recorded').map(({ intent }) => intent)).toContain('support');
});

it('a call that comes and goes while the disk is full ends once, and is told of afterwards', async () => {
  await disk.fill();
  const caller = await Caller.dial(installation);
  await caller.hearsEnd();
  const room = await roomOfCaller(installation);
  await caller.call.hangUp();
  await roomIsGone(installation, room);
  await disk.free();
  const record = await wholeRecord(installation);
  expect(record.events.map(({ event }) => event)).toContain('call.answered');
});

it('a worker that starts on a full disk sweeps up as soon as there is room', async () => {
  const caller = await Caller.dial(installation);
  await caller.hearsEnd();
  await disk.fill();
  installation.worker.kill('SIGKILL');
  await caller.call.ended(undefined, 15_000);
  await installation.worker.exited();
  await installation.startWorker();
  await disk.free();
  const record = await wholeRecord(installation);
  expect(record.ended.end_reason).toBe('worker_lost');
  const next = await Caller.dial(installation);
  await next.hearsEnd();
  await next.call.hangUp();
  expect((await wholeRecord(installation)).ended.end_reason).toBe('caller_hung_up');
});

/*
 * t=0 a call that is recorded is answered; then the disk is full. The recording ends there, which is told
 * when there is room again, and what it has by then is kept; the call itself goes on.
 */
it('a recording ends where the disk is full, and keeps what it has; its call goes on', async () => {
  const caller = await Caller.dial(installation, { to: RECORDED });
  await caller.hearsEnd();
  await caller.asks();
  await disk.fill();
  await installation.worker.waitForLine(
    ({ msg }) => msg === 'the recording ends here, the call goes on',
  );
  await caller.asks();
  await disk.free();
  await caller.call.hangUp();
  const record = await wholeRecord(installation);
  expect(record.ended.end_reason).toBe('caller_hung_up');
  expect(record.all('call.error')).toMatchObject([{ code: 'recording_stopped' }]);
  expect(record.ended.transcript).toContain('Agent: I am.');
  const recording = await fetch(String(record.completed.recording_url));
  expect(recording.status).toBe(200);
  expect((await recording.arrayBuffer()).byteLength).toBeGreaterThan(64_000);
});
