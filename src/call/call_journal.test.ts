import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Contact } from '../crm/crm.ts';
import { CallJournal, JournalError } from './call_journal.ts';
import { CALL_ID, FakeLedger } from './testing/fake_live_call.ts';

let ledger: FakeLedger;
let lines: { level: number; msg: string }[];
let journal: CallJournal;
beforeEach(() => {
  ledger = new FakeLedger();
  lines = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  journal = new CallJournal(CALL_ID, ledger.client, log);
});

describe('the journal of a call', () => {
  it('opens the call together with its first event, at the same time', async () => {
    const opening = {
      id: CALL_ID,
      direction: 'inbound' as const,
      from: null,
      to: '+15550100000',
      agentId: 'receptionist',
      room: 'room-1',
      metadata: {},
      time: 1_760_000_000_000,
    };
    await journal.started(opening);
    expect(ledger.appends).toEqual([
      {
        callId: CALL_ID,
        open: opening,
        events: [
          {
            id: expect.stringMatching(/^evt_/),
            type: 'call.started',
            time: opening.time,
            data: {},
          },
        ],
      },
    ]);
  });

  it('writes a tool’s call, its result and what it made happen in one append', async () => {
    const job = { id: 'job_1', kind: 'crm_write' as const, target: 'crm', body: {} };
    await journal.tool({
      toolCallId: 'fc_1',
      name: 'update_crm_note',
      arguments: { note: 'A note.' },
      result: { status: 'saved' },
      jobs: [job],
    });
    expect(ledger.appends).toMatchObject([
      {
        callId: CALL_ID,
        facts: [
          {
            id: `${CALL_ID}:fc_1`,
            kind: 'tool_call',
            data: { name: 'update_crm_note', arguments: { note: 'A note.' } },
          },
          {
            id: `${CALL_ID}:fc_1:result`,
            kind: 'tool_result',
            data: { result: { status: 'saved' } },
          },
        ],
        jobs: [job],
      },
    ]);
  });

  it('says that the call failed before it says that it ended', async () => {
    await journal.ended('caller_hung_up', { sipStatus: 487 }, { inputTokens: 3 });
    expect(ledger.events).toMatchObject([
      { type: 'call.failed', data: { sip_status: 487, reason: 'caller_hung_up' } },
      { type: 'call.ended', data: { end_reason: 'caller_hung_up' } },
    ]);
    expect(ledger.appends).toHaveLength(1);
    expect(ledger.appends[0]?.facts).toMatchObject([{ kind: 'usage', data: { inputTokens: 3 } }]);
  });

  it('does not call an answered call failed', async () => {
    await journal.ended('agent_hung_up', null, null);
    expect(ledger.events.map(({ type }) => type)).toEqual(['call.ended']);
    expect(ledger.appends[0]?.facts).toEqual([]);
  });

  it('keeps what is known of the caller as a fact', async () => {
    const contact = { id: 'con_1', name: 'Ada' } as Contact;
    await journal.context('ready', 12, contact);
    expect(ledger.appends[0]?.facts).toMatchObject([
      { kind: 'context', data: { state: 'ready', ms: 12, contact } },
    ]);
  });

  it('keeps the order of its calls', async () => {
    await Promise.all([
      journal.answered(3_000, 'ready'),
      journal.transcript('agent', 'Hello.', 'item_1'),
      journal.transcript('caller', 'Hi.', 'item_2'),
      journal.error('model_interrupted', 'the connection to the model broke'),
    ]);
    expect(ledger.events.map(({ type }) => type)).toEqual([
      'call.answered',
      'transcript.final',
      'transcript.final',
      'call.error',
    ]);
  });

  it('rejects and logs what the ledger does not take', async () => {
    ledger.failure = new Error('disk full');
    await expect(journal.answered(1, 'none')).rejects.toBeInstanceOf(JournalError);
    expect(lines).toMatchObject([{ level: 50, msg: 'append failed' }]);
  });

  it('rejects without a word when the call belongs to somebody else', async () => {
    ledger.fence.abort();
    ledger.failure = new Error('fenced');
    await expect(journal.answered(1, 'none')).rejects.toBeInstanceOf(JournalError);
    expect(lines).toEqual([]);
  });
});
