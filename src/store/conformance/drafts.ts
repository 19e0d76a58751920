import { newId } from '../../ids.ts';
import type { EndpointRecord, TriggerRecord } from '../endpoint_store.ts';
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
