import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIST_PRICES } from '../cost/price_table.ts';
import type { ComposeInput } from '../store/event_composer.ts';
import type { CallRecord, EventDraft, StoredEvent } from '../store/store.ts';
import { EVENTS, type EventType } from './catalogue.ts';
import { composeEvent, MAX_BODY_BYTES } from './envelope.ts';

const CALL: CallRecord = {
  id: 'call_1',
  direction: 'inbound',
  state: 'ended',
  from: '+15550100001',
  to: '+15550100000',
  agentId: 'receptionist',
  room: 'room-1',
  metadata: { campaign: 'spring' },
  contact: { id: '42', name: 'Ada', phone: '+15550100001' },
  context: 'ready',
  contextMs: 180,
  sequence: 7,
  transcriptSequence: 2,
  lease: 1,
  leaseUntil: 0,
  createdAt: 1_000,
  answeredAt: 10_000,
  endedAt: 72_400,
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

function input(type: string, data: Record<string, unknown>, rest: Partial<ComposeInput> = {}) {
  const draft: EventDraft = { id: 'evt_1', type, time: Date.UTC(2026, 2, 1, 10), data };
  const history = { events: [], facts: [] };
  return {
    draft,
    call: CALL,
    sequence: 7,
    transcriptSequence: null,
    late: false,
    history,
    ...rest,
  };
}

function compose(...args: Parameters<typeof input>): Record<string, unknown> & { data: unknown } {
  const composed = composeEvent(input(...args));
  if (!composed.ok) throw new Error(composed.message);
  return JSON.parse(composed.body);
}

function said(role: string, text: string): StoredEvent {
  const body = JSON.stringify({ data: { role, text } });
  const base = { position: 1, id: 'evt_t', callId: 'call_1', sequence: null, time: 1 } as const;
  return { ...base, type: 'transcript.final', body };
}

const COMMON = {
  call_id: 'call_1',
  direction: 'inbound',
  from: '+15550100001',
  to: '+15550100000',
  agent_id: 'receptionist',
  provider: 'callwire',
  room: 'room-1',
  contact_id: '42',
  metadata: { campaign: 'spring' },
};

describe('the body of an event', () => {
  it('is the envelope around the common fields and its own', () => {
    expect(compose('call.transferred', { destination: 'sales', outcome: 'confirmed' })).toEqual({
      id: 'evt_1',
      event: 'call.transferred',
      call_id: 'call_1',
      sequence: 7,
      timestamp: '2026-03-01T10:00:00.000Z',
      data: { ...COMMON, destination: 'sales', outcome: 'confirmed' },
    });
  });

  it('repeats the intent at the top level', () => {
    const body = compose('intent.recorded', { intent: 'book_viewing', tool_call_id: 'fc_1' });
    expect(body).toMatchObject({ intent: 'book_viewing', data: { intent: 'book_viewing' } });
  });

  it('numbers a transcript by its own counter only', () => {
    const given = { role: 'agent', text: 'Hi', item_id: 'item_1' };
    expect(
      compose('transcript.final', given, { sequence: null, transcriptSequence: 2 }),
    ).toMatchObject({ sequence: null, data: { ...given, transcript_sequence: 2 } });
  });

  it('adds the contact to call.answered', () => {
    expect(compose('call.answered', { ring_ms: 900, context: 'ready' }).data).toMatchObject({
      ring_ms: 900,
      context: 'ready',
      contact: { id: '42', name: 'Ada', phone: '+15550100001' },
    });
  });

  it('derives all of call.ended but its reason, so that whoever writes it writes the same', () => {
    const history = {
      events: [said('agent', 'Hi Ada.'), said('caller', 'Hello,\n who is this?')],
      facts: [],
    };
    expect(compose('call.ended', { end_reason: 'worker_lost' }, { history }).data).toEqual({
      ...COMMON,
      end_reason: 'worker_lost',
      duration_seconds: 62,
      context: 'ready',
      context_ms: 180,
      contact: { id: '42', name: 'Ada', phone: '+15550100001' },
      transcript: 'Agent: Hi Ada.\nCaller: Hello, who is this?',
      cost: null,
    });
  });

  it('says what the call has cost, by the prices of the installation', () => {
    const usage = { model: 'mine', inputTokens: 1_000_000, inputTextTokens: 1_000_000 };
    const price = { text: 3, audio: 0 };
    const prices = {
      ...LIST_PRICES,
      models: { mine: { input: price, cachedInput: price, output: price } },
      telephony: { inboundMinute: 0.5, outboundMinute: 1, incrementInSeconds: 60 },
    };
    const draft = input('call.ended', { end_reason: 'silence' }, { call: { ...CALL, usage } });
    const composed = composeEvent(draft, prices);
    if (!composed.ok) throw new Error(composed.message);
    expect(composed.data.cost).toEqual({
      model: 3,
      transcription: 0,
      telephony: 1,
      recording: 0,
      total: 4,
    });
  });

  // Cost 0 was said of it, and the phone may have been answered: its process was dead, and it had gone.
  it.each([
    ['answer_unknown', null],
    ['model_silent', 0],
  ])('says what a lost outbound call has cost only where that is known: %s', (code, cost) => {
    const call: CallRecord = {
      ...CALL,
      direction: 'outbound',
      answeredAt: null,
      endReason: 'dial_failed',
    };
    const body = JSON.stringify(compose('call.error', { code, message: '' }));
    const history = { events: [{ ...said('agent', ''), type: 'call.error', body }], facts: [] };
    const { data } = compose('call.ended', { end_reason: 'dial_failed' }, { call, history });
    expect(data).toMatchObject({ cost: cost === null ? null : { total: cost } });
  });

  it.each([
    ['without an answer', { answeredAt: null }],
    ['when two clocks disagree', { answeredAt: 99_000 }],
  ])('has a duration of 0 %s', (_, times) => {
    const call = { ...CALL, ...times };
    expect(compose('call.ended', { end_reason: 'silence' }, { call }).data).toMatchObject({
      duration_seconds: 0,
    });
  });

  it('has neither call nor number where it belongs to none', () => {
    const { example } = EVENTS['delivery.exhausted'];
    const body = compose('delivery.exhausted', example, { call: null, sequence: null });
    expect(body).toMatchObject({ call_id: null, sequence: null });
    expect(body.data).toEqual({ call_id: null, provider: 'callwire', ...example });
  });

  it('says that it is late', () => {
    const body = compose('call.error', { code: 'X', message: 'y' }, { late: true });
    expect(body.data).toMatchObject({ late: true });
  });

  it('has nothing in it that the catalogue does not know', () => {
    const body = compose('call.error', { code: 'X', message: 'y', apiKey: 'made-up' });
    expect(JSON.stringify(body)).not.toContain('made-up');
  });

  it.each<[string, string, Record<string, unknown>]>([
    ['EVENT_UNKNOWN_TYPE', 'call.exploded', {}],
    ['EVENT_INVALID', 'call.ended', { end_reason: 'boredom' }],
    ['EVENT_INVALID', 'intent.recorded', {}],
  ])('is refused with %s for %s', (code, type, data) => {
    expect(composeEvent(input(type, data))).toMatchObject({ ok: false, code });
  });

  it('never shows a refused value in the reason', () => {
    const composed = composeEvent(input('call.ended', { end_reason: '+15550100777' }));
    expect(JSON.stringify(composed)).not.toContain('0777');
  });

  it('allows the example of every type', () => {
    for (const type of Object.keys(EVENTS) as EventType[]) {
      expect(composeEvent(input(type, EVENTS[type].example)), type).toMatchObject({ ok: true });
    }
  });
});

describe('a body over 64 KB', () => {
  it('loses the middle of its transcript and says where all of it is', () => {
    const lines = Array.from({ length: 3_000 }, (_, index) => said('caller', `line ${index} "é"`));
    const history = { events: lines, facts: [] };
    const composed = composeEvent(input('call.ended', { end_reason: 'silence' }, { history }));
    if (!composed.ok) throw new Error(composed.message);
    const { data } = JSON.parse(composed.body);
    expect(data).toMatchObject({
      transcript_truncated: true,
      transcript_url: '/v1/calls/call_1',
      end_reason: 'silence',
    });
    expect(data.transcript).toMatch(/^Caller: line 0 .*\n\[…\]\n.*line 2999 "é"$/s);
    const size = Buffer.byteLength(composed.body);
    expect(size).toBeLessThanOrEqual(MAX_BODY_BYTES);
    expect(size).toBeGreaterThan(MAX_BODY_BYTES - 100);
  });

  it('always fits and stays well-formed, whatever was said', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
        fc.integer({ min: 2_000, max: 20_000 }),
        (words, times) => {
          const history = { events: [said('caller', words.repeat(times))], facts: [] };
          const composed = composeEvent(
            input('call.ended', { end_reason: 'silence' }, { history }),
          );
          if (!composed.ok) throw new Error(composed.message);
          expect(Buffer.byteLength(composed.body)).toBeLessThanOrEqual(MAX_BODY_BYTES);
          expect(JSON.parse(composed.body).data.transcript.isWellFormed()).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is refused where there is no transcript to cut', () => {
    const data = { intent: 'x'.repeat(MAX_BODY_BYTES), tool_call_id: 'fc_1' };
    expect(composeEvent(input('intent.recorded', data))).toMatchObject({
      ok: false,
      code: 'EVENT_TOO_LARGE',
    });
  });
});
