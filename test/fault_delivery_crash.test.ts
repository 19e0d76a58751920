import { beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../sim/installation/wait_for.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { callProcess, recorded, type WholeRecord, wholeRecord } from './whole_record.ts';

const CALLER = '+15550100001';

const NOTES = `turns:
  - hears: I want to talk to sales.
    do:
      - call: { tool: record_intent, arguments: { intent: sales } }
      - call: { tool: update_crm_note, arguments: { note: Wants to talk to sales. } }
    then: Noted.
`;

const PATIENT = Array(60).fill('800ms').join(',');

describe('between what a tool promised and its delivery', () => {
  const installation = sharedInstallation({
    number: '+15550107030',
    scenario: NOTES,
    contacts: [{ id: 'c1', name: 'Ada Lovelace', phone: CALLER }],
    env: { RETRY_SCHEDULE: PATIENT },
  });
  /** What the backend had of the calls before. */
  let before = { received: 0, writes: 0, repeated: 0 };
  beforeEach(() => {
    const { received, writes, repeatedWrites } = installation.backend;
    before = { received: received.length, writes: writes.length, repeated: repeatedWrites };
  });

  /** A call whose tools have answered; what the model was told is promised. */
  async function promised({ whenGreeted = () => {} } = {}): Promise<Caller> {
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    whenGreeted();
    await caller.asks();
    const { toolResults } = await caller.session;
    expect(toolResults.map(({ output }) => JSON.parse(output))).toEqual([
      { status: 'recorded' },
      { status: 'saved' },
    ]);
    return caller;
  }

  const received = () => installation.backend.received.slice(before.received);
  const notes = () =>
    installation.backend.writes
      .slice(before.writes)
      .filter(({ operation }) => operation === 'note');

  /** The record of the call, once the CRM has taken the note as well. */
  async function recordWithNote(): Promise<WholeRecord> {
    const { call_id } = await recorded(installation, 'call.started');
    const noted = async () =>
      (await installation.events()).some(
        ({ event, call_id: of, data }) =>
          of === call_id && event === 'crm.updated' && data.operation === 'note',
      );
    await waitFor(noted, { what: 'crm.updated for the note' });
    return wholeRecord(installation);
  }

  it('the call process may die: intent and note arrive when the backend is back, once', async () => {
    const { backend } = installation;
    backend.behave('writes', { mode: 'status', status: 503 });
    backend.behave('webhooks', { mode: 'status', status: 503 });
    const caller = await promised();
    process.kill(await callProcess(installation), 'SIGKILL');
    await caller.call.ended(undefined, 15_000);
    expect(received()).toEqual([]);
    expect(notes()).toEqual([]);

    backend.behave('webhooks', { mode: 'ok' });
    backend.behave('writes', { mode: 'ok' });
    const record = await recordWithNote();
    expect(record.ended.end_reason).toBe('worker_lost');
    expect(record.one('intent.recorded')).toMatchObject({ intent: 'sales' });
    expect(notes()).toMatchObject([{ contactId: 'c1' }]);
  });

  /*
   * The backend has taken everything in, but nobody has heard so when the worker dies. All of it is
   * sent again, and the receiver can tell: the same event id, the same delivery id, the same bytes;
   * the same idempotency key for the CRM.
   */
  it('the worker may die with all of it on its way: what comes twice says so', async () => {
    const { backend } = installation;
    const caller = await promised({
      whenGreeted: () => {
        backend.behave('webhooks', { mode: 'swallow' });
        backend.behave('writes', { mode: 'swallow' });
      },
    });
    const intents = () => received().filter(({ event }) => event === 'intent.recorded');
    await waitFor(() => intents().length === 1 && notes().length === 1, {
      what: 'intent.recorded and the note at the backend',
    });
    installation.worker.kill('SIGKILL');
    await caller.call.ended(undefined, 15_000);
    await installation.worker.exited();
    const [swallowed] = intents();

    backend.behave('webhooks', { mode: 'ok' });
    backend.behave('writes', { mode: 'ok' });
    await installation.startWorker();
    const record = await recordWithNote();
    expect(record.ended.end_reason).toBe('worker_lost');
    const { id, raw, deliveryId } = swallowed!;
    const copy = { id, raw, deliveryId };
    expect(intents()).toMatchObject([copy, copy]);
    expect(notes()).toHaveLength(1);
    expect(backend.repeatedWrites - before.repeated).toBe(1);
  });

  it('the backend may hang for as long as a worker takes to end and the next one to start', async () => {
    const { backend, worker } = installation;
    const caller = await promised({
      whenGreeted: () => backend.behave('webhooks', { mode: 'hang' }),
    });
    await caller.call.hangUp();
    await recorded(installation, 'call.ended');
    worker.kill('SIGTERM');
    expect(await worker.exited()).toEqual({ code: 0, signal: null });
    expect(received().map(({ event }) => event)).not.toContain('intent.recorded');

    backend.behave('webhooks', { mode: 'ok' });
    await installation.startWorker();
    await recordWithNote();
    expect(notes()).toHaveLength(1);
  });
});
