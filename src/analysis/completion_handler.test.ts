import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { DEFAULT_EXTRACTION } from '../config/extraction_fields.ts';
import type { AttemptOutcome } from '../delivery/job_handler.ts';
import type { CallRecord, ClaimedJob, StoredEvent } from '../store/store.ts';
import { CompletionHandler, type CompletionOptions } from './completion_handler.ts';
import type { Extraction } from './extract.ts';

const MINUTE = 60_000;
const ENDED_AT = Date.UTC(2026, 2, 1, 10);

const CALL: CallRecord = {
  id: 'call_1',
  direction: 'inbound',
  state: 'ended',
  from: '+15550100001',
  to: '+15550100000',
  agentId: 'receptionist',
  room: 'room-1',
  metadata: {},
  contact: { id: '42', name: 'Ada', phone: '+15550100001' },
  context: 'ready',
  contextMs: 180,
  sequence: 4,
  transcriptSequence: 2,
  lease: 1,
  leaseUntil: 0,
  createdAt: ENDED_AT - MINUTE,
  answeredAt: ENDED_AT - 50_000,
  endedAt: ENDED_AT,
  endReason: 'caller_hung_up',
  usage: null,
  apiKeyId: null,
  outbound: null,
  outcome: null,
  costMicrousd: null,
  answeredBy: null,
  provider: 'callwire',
  providerCallId: null,
};

const JOB: ClaimedJob = {
  id: 'job_1',
  claimId: 'claim_1',
  kind: 'completion',
  target: 'extraction',
  attempt: 1,
  refusals: 0,
  callId: CALL.id,
  createdAt: ENDED_AT,
  event: null,
  body: { eventId: 'evt_completed' },
};

const event = (type: string, data: object): StoredEvent => ({
  position: 1,
  id: 'evt_1',
  callId: CALL.id,
  sequence: null,
  type,
  time: ENDED_AT,
  body: JSON.stringify({ data }),
});
const said = (role: string, text: string) => event('transcript.final', { role, text });
const TALK = [said('agent', 'Hello.'), said('caller', 'I would like to see it.')];

const EXTRACTED: Extraction = {
  kind: 'extracted',
  outcome: 'INTERESTED',
  extraction: { summary: 'Wants to see it.' },
};

interface Situation extends Partial<Omit<CompletionOptions, 'store'>> {
  call?: Partial<CallRecord>;
  events?: StoredEvent[];
  /** What the model comes to. */
  model?: Extraction;
  now?: number;
}

function situation({ call, events = TALK, model = EXTRACTED, now = ENDED_AT, ...rest }: Situation) {
  const asked: { transcript: string; fields: unknown; signal: AbortSignal }[] = [];
  const handler = new CompletionHandler({
    recordings: { soon: () => Promise.resolve(null) },
    store: {
      getCall: () => Promise.resolve({ ...CALL, ...call }),
      listFacts: () => Promise.resolve([]),
      listCallEvents: () => Promise.resolve(events),
    },
    extractor: {
      extract: ({ transcript }, fields, signal) => {
        asked.push({ transcript, fields, signal });
        return Promise.resolve(model);
      },
    },
    fieldsOf: () => DEFAULT_EXTRACTION,
    log: pino({ level: 'silent' }),
    clock: () => now,
    ...rest,
  });
  const attempt = (job: Partial<ClaimedJob> = {}, signal = new AbortController().signal) =>
    handler.attempt({ ...JOB, ...job }, signal);
  /** What is written when the attempt's outcome is settled. */
  const completed = async (job: Partial<ClaimedJob> = {}) => {
    const outcome = await attempt(job);
    expect(outcome.verdict.kind).toBe('success');
    const append = handler.result({ ...JOB, ...job }, outcome, 'done');
    return { append, data: append?.events?.[0]?.data, attempt: outcome.attempt };
  };
  return { handler, attempt, completed, asked };
}

describe('call.completed', () => {
  it('says where the recording is, where there is one by then', async () => {
    const link = { url: 'https://recordings.example/1', expiresAt: ENDED_AT + 900_000 };
    const recordings = { soon: () => Promise.resolve(link) };
    expect((await situation({ recordings }).completed()).data).toMatchObject({
      outcome: 'INTERESTED',
      recording_url: link.url,
      recording_expires_at: new Date(link.expiresAt).toISOString(),
    });
    const none = { recording_url: null, recording_expires_at: null };
    const unanswered = { answeredAt: null };
    expect((await situation({ recordings, call: unanswered }).completed()).data).toMatchObject(
      none,
    );
    const broken = { soon: () => Promise.reject(new Error('no bucket')) };
    expect((await situation({ recordings: broken }).completed()).data).toMatchObject(none);
  });

  it('has what the model has read, under an id that follows from the call', async () => {
    const { completed, asked } = situation({});
    const { append, attempt } = await completed();
    expect(append).toEqual({
      callId: CALL.id,
      events: [
        {
          id: 'evt_completed',
          type: 'call.completed',
          time: ENDED_AT,
          data: {
            outcome: 'INTERESTED',
            extraction: { summary: 'Wants to see it.' },
            recording_url: null,
            recording_expires_at: null,
          },
        },
      ],
      suppressions: [],
    });
    expect(attempt).toMatchObject({ status: 200, error: null });
    expect(asked).toMatchObject([
      { transcript: 'Agent: Hello.\nCaller: I would like to see it.', fields: DEFAULT_EXTRACTION },
    ]);
  });

  it.each<[string, Situation, string]>([
    ['it was never answered', { call: { answeredAt: null, endReason: 'no_answer' } }, 'NO_ANSWER'],
    ['nobody but the agent spoke', { events: [said('agent', 'Hello?')] }, 'UNKNOWN'],
    ['the other party made no words', { events: [said('caller', ' ')] }, 'UNKNOWN'],
    ['there is no key', { extractor: null }, 'UNKNOWN'],
  ])('comes at once, without extraction, where %s', async (_, given, outcome) => {
    const { completed, asked } = situation(given);
    expect((await completed()).data).toMatchObject({ outcome, extraction: null });
    expect(asked).toEqual([]);
  });

  it('comes without extraction where the model’s answer is of no use, and the attempt says why', async () => {
    const model: Extraction = {
      kind: 'none',
      code: 'status',
      status: 400,
      response: 'Bad schema.',
    };
    const { data, attempt } = await situation({ model }).completed();
    expect(data).toMatchObject({ outcome: 'UNKNOWN', extraction: null });
    expect(attempt).toMatchObject({ status: 400, error: 'status', response: 'Bad schema.' });
  });

  it('takes a number off the list in its own transaction', async () => {
    const model: Extraction = { ...EXTRACTED, outcome: 'WRONG_NUMBER' };
    const call = {
      direction: 'outbound',
      contact: { ...CALL.contact, phone: '+15550100009' },
    } as const;
    const { append } = await situation({ model, call }).completed();
    expect(append?.suppressions).toMatchObject([
      { phone: '+15550100009', source: 'outcome', reason: 'WRONG_NUMBER', callId: CALL.id },
    ]);
  });

  it('is left alone where the call has it already, or is gone', async () => {
    const known = situation({ events: [...TALK, event('call.completed', {})] });
    expect((await known.completed()).append).toBeNull();
    expect(known.asked).toEqual([]);
    const store = {
      getCall: () => Promise.resolve(null),
      listFacts: () => Promise.resolve([]),
      listCallEvents: () => Promise.resolve([]),
    };
    const gone = new CompletionHandler({
      recordings: { soon: () => Promise.resolve(null) },
      store,
      extractor: null,
      fieldsOf: () => [],
      log: pino({ level: 'silent' }),
    });
    const outcome = await gone.attempt(JOB, new AbortController().signal);
    expect(gone.result(JOB, outcome, 'done')).toBeNull();
  });
});

describe('a model that is down', () => {
  const DOWN: Extraction = { kind: 'retry', code: 'status', status: 503 };

  it('is asked again, and never so late that the answer would come behind the deadline', async () => {
    const soon = await situation({ model: DOWN }).attempt();
    expect(soon.verdict).toEqual({ kind: 'retry', notAfterMs: 14.75 * MINUTE });
    const late = await situation({ model: DOWN, now: ENDED_AT + 14.5 * MINUTE }).attempt();
    expect(late.verdict).toEqual({ kind: 'retry', notAfterMs: 15_000 });
  });

  it('is given the time it asks for', async () => {
    const model: Extraction = { kind: 'retry', code: 'status', status: 429, retryAfterMs: 20_000 };
    const { verdict } = await situation({ model }).attempt();
    expect(verdict).toMatchObject({ kind: 'retry', notBeforeMs: 20_000 });
  });

  it('is given up on in time: the event comes without extraction', async () => {
    const now = ENDED_AT + 14.8 * MINUTE;
    const { data, attempt } = await situation({ model: DOWN, now }).completed({ attempt: 17 });
    expect(data).toMatchObject({ outcome: 'UNKNOWN', extraction: null });
    expect(attempt).toMatchObject({ status: 503, error: 'status' });
  });

  /** The whole way, by the clock: the loop waits as the schedule says, and nobody answers. */
  it('holds the event up for 15 minutes at most, however long it stays down', async () => {
    let now = ENDED_AT;
    const { handler } = situation({ model: DOWN, clock: () => now });
    let outcome: AttemptOutcome | undefined;
    let attempts = 0;
    while (outcome?.verdict.kind !== 'success') {
      attempts += 1;
      outcome = await handler.attempt({ ...JOB, attempt: attempts }, new AbortController().signal);
      if (outcome.verdict.kind !== 'retry') break;
      now += handler.schedule.delayAfter(attempts, outcome.verdict) ?? Number.NaN;
    }
    expect(outcome?.verdict.kind).toBe('success');
    expect(now - ENDED_AT).toBeGreaterThan(14 * MINUTE);
    expect(now - ENDED_AT).toBeLessThanOrEqual(15 * MINUTE);
    expect(attempts).toBeGreaterThan(12);
  });

  it('is asked once by a worker that was down itself for longer than that', async () => {
    const { completed, asked } = situation({ now: ENDED_AT + 120 * MINUTE });
    expect((await completed()).data).toMatchObject({ outcome: 'INTERESTED' });
    expect(asked).toHaveLength(1);
  });

  it('at the worker’s end is left to the next worker', async () => {
    const { attempt } = situation({ model: { kind: 'retry', code: 'timeout', status: null } });
    const { verdict } = await attempt({}, AbortSignal.abort());
    expect(verdict).toEqual({ kind: 'hold', untilMs: ENDED_AT });
  });
});

describe('a handler that fails every time', () => {
  it('tries again where the record cannot be read', async () => {
    const handler = new CompletionHandler({
      recordings: { soon: () => Promise.resolve(null) },
      store: {
        getCall: () => Promise.reject(new Error('disk')),
        listFacts: () => Promise.resolve([]),
        listCallEvents: () => Promise.resolve([]),
      },
      extractor: null,
      fieldsOf: () => [],
      log: pino({ level: 'silent' }),
    });
    const outcome = await handler.attempt(JOB, new AbortController().signal);
    expect(outcome).toMatchObject({ attempt: { error: 'store' }, verdict: { kind: 'retry' } });
  });

  it('still completes the call at the end of its schedule', async () => {
    const { handler, attempt } = situation({ model: { kind: 'retry', code: 'x', status: null } });
    const append = handler.result(JOB, await attempt(), 'exhausted');
    expect(append?.events?.[0]).toMatchObject({
      id: 'evt_completed',
      data: { outcome: 'UNKNOWN', extraction: null },
    });
  });
});
