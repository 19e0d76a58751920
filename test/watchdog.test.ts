import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { Installation } from '../sim/installation/installation.ts';
import { waitFor } from '../sim/installation/wait_for.ts';
import { isAlive, type LogLine, type WorkerProcess } from '../sim/installation/worker_process.ts';
import { deleteRoom } from '../src/telephony/livekit_api.ts';
import { Caller, freshLine } from './caller.ts';
import { roomOfCaller } from './room_of_caller.ts';
import { callProcess, recorded, wholeRecord } from './whole_record.ts';

const NUMBER = '+15550107200';
const CALLER = '+15550100001';

const says = (msg: string) => (line: LogLine) => line.msg === msg;
const DISPATCHED_AGAIN = says('no worker has taken a caller: dispatched again');

const SCENARIO = 'turns: [{ hears: Are you there?, say: I am. }]\n';

let installation: Installation;
beforeAll(async () => {
  installation = await Installation.prepare({
    stack: inject('stack'),
    number: NUMBER,
    scenario: SCENARIO,
    contacts: [{ id: 'c1', name: 'Ada Lovelace', phone: CALLER }],
  });
  await installation.provision();
});
afterAll(() => installation?.stop());

/** What the worker of the tests before had said. */
let before: { worker: WorkerProcess | undefined; lines: number };
beforeEach(async () => {
  const worker: WorkerProcess | undefined = installation.worker;
  if (worker) await freshLine(installation, SCENARIO);
  before = { worker, lines: worker?.lines.length ?? 0 };
});

/** The worker that the tests before have left, or another one. */
async function running(): Promise<WorkerProcess> {
  const worker: WorkerProcess | undefined = installation.worker;
  return worker?.running ? worker : await installation.startWorker();
}

/** What the worker has said in this test. */
function said(matches: (line: LogLine) => boolean): LogLine[] {
  const { worker } = installation;
  return worker.lines.slice(worker === before.worker ? before.lines : 0).filter(matches);
}

const room = () => roomOfCaller(installation);

function gone(pid: number): Promise<true> {
  return waitFor(() => !isAlive(pid), { what: `the end of process ${pid}` });
}

describe('a caller whom no worker takes', () => {
  // Whoever renames the agent and forgets sip:setup has this: calls go to a name that nobody has.
  beforeAll(() => installation.startWorker({ LIVEKIT_AGENT_NAME: 'renamed' }));
  afterAll(() => installation.worker.stop());

  it('hears busy instead of ringing on, and is recorded', async () => {
    const caller = await Caller.dial(installation, { from: '+15550107299' });
    await expect(caller.answered()).rejects.toMatchObject({ status: 486 });
    const record = await wholeRecord(installation);
    expect(record.events.map(({ event }) => event)).toEqual([
      'call.failed',
      'call.ended',
      'call.completed',
    ]);
    expect(record.one('call.failed')).toMatchObject({ sip_status: 486, reason: 'no_capacity' });
    expect(record.ended).toMatchObject({
      end_reason: 'no_capacity',
      direction: 'inbound',
      from: '+15550107299',
      to: NUMBER,
      agent_id: 'front-desk',
      duration_seconds: 0,
    });
    expect(said(DISPATCHED_AGAIN)).toMatchObject([
      { agent: installation.agentName, registered_as: 'renamed' },
    ]);
  });

  it('and gives up is a missed call, too', async () => {
    const caller = await Caller.dial(installation);
    await room();
    await caller.call.cancel();
    const record = await wholeRecord(installation);
    expect(record.events.map(({ event }) => event)).toEqual([
      'call.failed',
      'call.ended',
      'call.completed',
    ]);
    expect(record.one('call.failed')).toMatchObject({ sip_status: 487, reason: 'caller_hung_up' });
    expect(record.ended).toMatchObject({ end_reason: 'caller_hung_up', from: CALLER, to: NUMBER });
  });
});

describe('a caller who rings', () => {
  it('while no worker is there is answered by the next one', async () => {
    await installation.worker.stop();
    const caller = await Caller.dial(installation);
    await room();
    await installation.startWorker();
    await caller.hearsEnd();
    await caller.asks();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({
      end_reason: 'caller_hung_up',
      contact: { name: 'Ada Lovelace' },
    });
    expect(said(DISPATCHED_AGAIN)).toHaveLength(1);
  });

  /*
   * LiveKit takes a job for running when a worker has accepted it, and never hears that its process
   * died: the phone rang on to the trunk's time-out, and there was no record. t=0 the process that
   * will get the call is stopped, so that it cannot join; then it has the job; then it is killed.
   */
  it('while the process of the call dies before it has said a word is answered by another', async () => {
    const idle = await readyProcess(await running());
    process.kill(idle, 'SIGSTOP');
    const caller = await Caller.dial(installation);
    const name = await room();
    const jobs = async () => {
      const dispatches = await installation.livekit.dispatch.listDispatch(name);
      return dispatches.flatMap(({ state }) => state?.jobs ?? []).length;
    };
    await waitFor(async () => (await jobs()) === 1, { what: 'the job of the call' });
    process.kill(idle, 'SIGKILL');
    await caller.hearsEnd();
    await caller.call.hangUp();
    expect((await wholeRecord(installation)).ended.end_reason).toBe('caller_hung_up');
    expect(said(DISPATCHED_AGAIN)).toHaveLength(1);
  });

  /** The process that the worker will give the next call to, for certain: a whole turn ago it was warm. */
  async function readyProcess(worker: WorkerProcess): Promise<number> {
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    const busy = await callProcess(installation);
    const { pid } = await worker.waitForLine(
      (one) => one.msg === 'warm' && one.pid !== busy && isAlive(one.pid),
    );
    await caller.asks();
    await caller.call.hangUp();
    await wholeRecord(installation);
    return pid;
  }
});

describe('a caller in a conversation', () => {
  async function talking(): Promise<{ caller: Caller; pid: number }> {
    await running();
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    await recorded(installation, 'transcript.final');
    return { caller, pid: await callProcess(installation) };
  }

  async function killBoth(pid: number): Promise<void> {
    const { worker } = installation;
    worker.kill('SIGKILL');
    process.kill(pid, 'SIGKILL');
    await gone(pid);
    await gone(worker.pid);
  }

  it('whose call process is killed is the sweep’s: nobody is dispatched again', async () => {
    const { caller, pid } = await talking();
    process.kill(pid, 'SIGKILL');
    expect(await caller.call.ended()).toMatchObject({ by: 'them' });
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('worker_lost');
    expect(said(({ name }) => name === 'watchdog')).toEqual([]);
  });

  it('is not left in silence until the lease runs out when the worker was killed as well', async () => {
    const { caller, pid } = await talking();
    await killBoth(pid);
    await installation.startWorker();
    await installation.worker.waitForLine(
      says('nobody holds a call of the worker before: it is swept up'),
    );
    expect(await caller.call.ended()).toMatchObject({ by: 'them' });
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('worker_lost');
    expect(record.ended.transcript).toBe('Agent: Hi Ada Lovelace, this is Northwind.');
  });

  it('who hangs up before the next worker is there leaves a call that this one closes at once', async () => {
    const { pid } = await talking();
    const name = await room();
    await killBoth(pid);
    await deleteRoom(installation.livekit.rooms, name);
    await installation.startWorker();
    await installation.worker.waitForLine(
      says('nobody holds a call of the worker before: it is swept up'),
    );
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('worker_lost');
  });

  /*
   * A process that hangs keeps its socket, so the ledger takes it for alive; agents-js kills it after
   * 60 s. LiveKit notices after 20 s that its agent has gone.
   */
  it('is freed from a call process that hangs', async () => {
    const { caller, pid } = await talking();
    process.kill(pid, 'SIGSTOP');
    expect(await caller.call.ended(undefined, 90_000)).toMatchObject({ by: 'them' });
    await installation.worker.waitForLine(says('a caller was left alone: the room is deleted'));
    // Whether it then ends its call itself or agents-js ends it first: there is one end.
    process.kill(pid, 'SIGCONT');
    const record = await wholeRecord(installation);
    expect(['ended_by_api', 'media_lost', 'worker_lost']).toContain(record.ended.end_reason);
  });
});
