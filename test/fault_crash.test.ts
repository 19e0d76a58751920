import { describe, expect, it } from 'vitest';
import { waitFor } from '../sim/installation/wait_for.ts';
import { isAlive } from '../sim/installation/worker_process.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { callProcess, recorded, wholeRecord } from './whole_record.ts';

const CALLER = '+15550100001';

const SALES = `turns:
  - hears: I want to talk to sales.
    do: [{ call: { tool: record_intent, arguments: { intent: sales } } }]
    then: Noted.
`;

describe('a crash in the middle of a call', () => {
  const installation = sharedInstallation({
    number: '+15550107000',
    scenario: SALES,
    contacts: [{ id: 'c1', name: 'Ada Lovelace', phone: CALLER }],
  });

  /** A call in which the agent has greeted, the caller asked for sales, and the tool has run. */
  async function talking(): Promise<{ caller: Caller; pid: number }> {
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    await caller.asks();
    return { caller, pid: await callProcess(installation) };
  }

  /** What was said is in the ledger a moment after it was heard. */
  function saidInLedger(text: string): Promise<unknown> {
    const find = async () => {
      const { call_id } = await recorded(installation, 'call.started');
      const events = await installation.events();
      return events.find((event) => event.call_id === call_id && event.data.text === text);
    };
    return waitFor(find, { what: `"${text}" in the ledger` });
  }

  function gone(pid: number, deadlineMs?: number): Promise<true> {
    return waitFor(() => !isAlive(pid), {
      what: `the end of process ${pid}`,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    });
  }

  /*
   * agents-js kept a dead process among its warm ones: nothing was forked in its place, and the next
   * call was given to it and lost.
   */
  it('of the warm process, which waits for a call, costs nobody a call', async () => {
    await installation.worker.warm();
    const [warm = 0] = installation.worker.children();
    process.kill(warm, 'SIGKILL');
    const replaced = await waitFor(
      () => installation.worker.children().find((pid) => pid !== warm),
      { what: 'another warm process' },
    );
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    expect(await callProcess(installation)).toBe(replaced);
    await caller.call.hangUp();
    expect((await wholeRecord(installation)).ended.end_reason).toBe('caller_hung_up');
  });

  /*
   * The lease of the dead process has 20 to 30 s left: whoever waited for it would leave the caller
   * in silence. The worker sees its child exit instead.
   */
  it('of the call process is noticed at once: the caller is hung up on, the record is whole', async () => {
    const { caller, pid } = await talking();
    await saidInLedger('Noted.');
    process.kill(pid, 'SIGKILL');

    expect(await caller.call.ended(undefined, 15_000)).toMatchObject({ by: 'them' });
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({
      end_reason: 'worker_lost',
      contact: { name: 'Ada Lovelace' },
    });
    expect(record.ended.transcript).toBe(
      'Agent: Hi Ada Lovelace, this is Northwind.\nCaller: I want to talk to sales.\nAgent: Noted.',
    );
    expect(record.one('intent.recorded')).toMatchObject({ intent: 'sales' });
    expect(record.one('call.failed')).toBeUndefined();

    // And the next caller notices nothing.
    const next = await Caller.dial(installation);
    await next.hearsEnd();
    await next.call.hangUp();
    expect((await wholeRecord(installation)).ended.end_reason).toBe('caller_hung_up');
  });

  it('of the worker ends the call too, and the next worker takes in what was left', async () => {
    const { caller, pid } = await talking();
    const children = installation.worker.children();
    installation.worker.kill('SIGKILL');

    expect(await caller.call.ended(undefined, 15_000)).toMatchObject({ by: 'them' });
    await gone(pid, 15_000);
    // The warm one as well.
    for (const child of children) await gone(child, 20_000);

    await installation.startWorker();
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('worker_lost');
    expect(record.ended.transcript).toContain('Caller: I want to talk to sales.');
    expect(record.one('intent.recorded')).toMatchObject({ intent: 'sales' });
  });

  /*
   * A worker that hangs acknowledges nothing: t=0 it is stopped, then the model calls record_intent,
   * whose append waits 100 ms and goes to the spool, which counts, so the tool answers and the talk
   * goes on. The worker is killed without ever having read it. This proves that what a tool promised
   * from the spool reaches the ledger through the next worker.
   */
  it('of a worker that hung before loses nothing of what the tools had promised meanwhile', async () => {
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    await saidInLedger('Hi Ada Lovelace, this is Northwind.');
    installation.worker.kill('SIGSTOP');
    await caller.asks();
    const { toolResults } = await caller.session;
    expect(toolResults.map(({ output }) => JSON.parse(output))).toEqual([{ status: 'recorded' }]);
    installation.worker.kill('SIGKILL');
    expect(await caller.call.ended(undefined, 15_000)).toMatchObject({ by: 'them' });

    await installation.startWorker();
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('worker_lost');
    expect(record.one('intent.recorded')).toMatchObject({ intent: 'sales' });
    expect(record.ended.transcript).toContain('Agent: Noted.');
  });

  it('of worker and call process at the same instant is swept up by the next worker', async () => {
    const { caller, pid } = await talking();
    await saidInLedger('Noted.');
    process.kill(pid, 'SIGKILL');
    installation.worker.kill('SIGKILL');
    await gone(pid);
    await gone(installation.worker.pid);

    await installation.startWorker();
    expect(await caller.call.ended(undefined, 60_000)).toMatchObject({ by: 'them' });
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('worker_lost');
    expect(record.ended.transcript).toContain('Agent: Noted.');
  });

  it('of the call process while the phone rings leaves a call that failed and nobody ringing on', async () => {
    installation.backend.behave('lookup', { mode: 'hang' });
    await installation.worker.stop();
    await installation.startWorker({ CONTEXT_BUDGET_MS: '30000' });
    const caller = await Caller.dial(installation);
    await caller.call.ringing();
    const pid = await callProcess(installation);
    process.kill(pid, 'SIGKILL');

    expect(await caller.call.ended(undefined, 15_000)).toMatchObject({
      by: 'rejected',
      status: 486,
    });
    const record = await wholeRecord(installation);
    expect(record.one('call.failed')).toMatchObject({ reason: 'worker_lost', sip_status: 480 });
    expect(record.ended).toMatchObject({ end_reason: 'worker_lost', duration_seconds: 0 });
  });
});
