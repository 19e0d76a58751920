import { newId } from '../../ids.ts';
import type { CountedLimits } from '../counted_rules.ts';
import type { EndpointRecord, TriggerRecord } from '../endpoint_store.ts';
import type { CallAcceptance } from '../outbound_store.ts';
import type { RecordingRecord } from '../recording_store.ts';
import type {
  Append,
  AttemptRecord,
  CallOpening,
  ClaimedJob,
  ContactInput,
  EventDraft,
  FactDraft,
  Settlement,
  Store,
} from '../store.ts';
import type { SuppressionRecord } from '../suppression_store.ts';

/* What the conformance tests write, each with as little in it as will do. */

export function event(type: string, data: Record<string, unknown> = {}): EventDraft {
  return { id: newId('evt'), type, time: Date.UTC(2026, 0, 1), data };
}

export function endedEvent(): EventDraft {
  return event('call.ended', { end_reason: 'caller_hung_up' });
}

export function refusing(): EventDraft {
  return event('a.refused', { refuse: true });
}

export function fact(kind: FactDraft['kind'], data: Record<string, unknown>): FactDraft {
  return { id: newId('fct'), kind, time: Date.UTC(2026, 0, 1), data };
}

export function callOpening(opening: Partial<CallOpening> = {}): CallOpening {
  return {
    id: newId('call'),
    direction: 'inbound',
    from: '+15550100001',
    to: '+15550100000',
    agentId: 'receptionist',
    room: 'room-1',
    metadata: {},
    time: Date.UTC(2026, 0, 1),
    ...opening,
  };
}

export function entryOf(entry: Partial<Append>, opening: Partial<CallOpening> = {}): Append {
  const open = callOpening(opening);
  return { callId: open.id, open, ...entry };
}

export function attempt(record: Partial<AttemptRecord> = {}): AttemptRecord {
  return { at: 1, durationMs: 20, status: 200, error: null, response: null, ...record };
}

export function settlement(
  job: ClaimedJob,
  next: Settlement['next'],
  record: AttemptRecord = attempt(),
): Settlement {
  return { jobId: job.id, claimId: job.claimId, attempt: record, next };
}

export function contact(input: Partial<ContactInput> = {}): ContactInput {
  return {
    phone: '+15550100001',
    name: null,
    email: null,
    accountStatus: null,
    lastInteraction: null,
    preferredLanguage: null,
    fields: {},
    ...input,
  };
}

export async function bodiesOf(store: Store, callId: string): Promise<Record<string, unknown>[]> {
  const events = await store.listCallEvents(callId);
  return events.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
}

export function numbersOf(bodies: Record<string, unknown>[], counter: string): unknown[] {
  return bodies.map((body) => body[counter]).filter((number) => number !== null);
}

export function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

export function endpoint(record: Partial<EndpointRecord> = {}): EndpointRecord {
  return {
    id: newId('whe'),
    name: 'backend',
    url: 'https://backend.example/hook',
    ordered: false,
    signatures: ['standard', 'timestamped'],
    status: 'active',
    disabledReason: null,
    secret: 'sealed-1',
    previousSecret: null,
    previousUntil: null,
    failingSince: null,
    lastSuccessAt: null,
    createdAt: Date.UTC(2026, 0, 1),
    ...record,
  };
}

export function trigger(record: Partial<TriggerRecord> & { endpointId: string }): TriggerRecord {
  return {
    id: newId('trg'),
    name: 'all of it',
    eventType: '*',
    conditions: null,
    createdAt: Date.UTC(2026, 0, 1),
    ...record,
  };
}

/** As the gate makes it, as far as the store has a part in it. */
const DECISION = {
  allowed: true,
  reasons: ['number', 'suppression', 'spend_cap', 'calls_by_key', 'calls_to_number'].map(
    (rule) => ({ rule, allowed: true }),
  ),
};

/** An outbound call with its dial job, as the API writes it. */
export function acceptedCall(
  opening: Partial<CallOpening> = {},
  accept: Partial<Omit<CallAcceptance, 'limits'>> & { limits?: Partial<CountedLimits> } = {},
): Append {
  const open = callOpening({ direction: 'outbound', to: '+15550100009', ...opening });
  const limits = { callsToNumber: 1_000, callsByKey: 1_000, spentUsd: null };
  const dueAt = open.outbound?.scheduledFor;
  return {
    callId: open.id,
    open,
    accept: {
      apiKeyId: 'key_1',
      idempotency: null,
      decision: DECISION,
      since: 0,
      ...accept,
      limits: { ...limits, ...accept.limits },
    },
    events: [event('call.initiated')],
    jobs: [
      {
        id: newId('job'),
        kind: 'dial',
        target: 'dial',
        body: { call: open.id },
        ...(dueAt && { dueAt }),
      },
    ],
  };
}

export function suppression(record: Partial<SuppressionRecord> = {}): SuppressionRecord {
  return {
    id: newId('sup'),
    phone: '+15550100009',
    source: 'api',
    reason: null,
    callId: null,
    createdAt: Date.UTC(2026, 0, 1),
    ...record,
  };
}

export function recordingOf(callId: string, rest: Partial<RecordingRecord> = {}): RecordingRecord {
  return {
    callId,
    state: 'stored',
    location: `recordings/${callId}.ogg`,
    contentType: 'audio/ogg',
    bytes: 12_345,
    durationMs: 61_000,
    startedAt: Date.UTC(2026, 0, 1),
    deleteAfter: null,
    createdAt: Date.UTC(2026, 0, 1),
    ...rest,
  };
}
