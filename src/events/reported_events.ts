import { derivedId, idTime } from '../ids.ts';
import type { Followed } from '../store/event_composer.ts';
import type { CallRecord, EventDraft, FactDraft, JobDraft } from '../store/store.ts';
import { draftEvent, type EventDraftData, type EventType } from './catalogue.ts';
import { completionJob } from './completion_job.ts';
import { type Beginning, type ReportedCall, reportedCall } from './reported_call.ts';

/**
 * How long an end that is only half told is left open: some platforms say first that a call ended, and
 * in a report of its own what it was.
 */
const END_GRACE_MS = 15_000;

/**
 * What follows from the reports of a call: its row, and every event that they allow. The ids of events
 * follow from the call and the type, so what is appended already stays as it was; and since an event is
 * allowed by the presence of something told, it is in the end the same events in any order.
 *
 * ```
 * initiated | started ─▶ ringing* ─▶ answered* ─▶ failed* ─▶ ended ─▶ recording_ready*    (* = where told)
 *  outbound    inbound   outbound
 *                                                               ▲
 *     half told: closed 15 s later; silent for INGEST_STALE_AFTER: closed, `unknown`
 * ```
 */
export function followReports({
  call,
  facts,
}: {
  call: CallRecord;
  facts: readonly FactDraft[];
}): Followed {
  const told = reportedCall(facts);
  if (told === null) return { call, events: [], jobs: [] };
  return { call: rowOf(call, told), events: eventsOf(call, told), jobs: jobsOf(call, told) };
}

/** When `call.completed` is to be made: later where the platform has still something to say. */
export function completionAfterReports(call: CallRecord, facts: readonly FactDraft[]): JobDraft {
  const told = reportedCall(facts);
  const waits = told && told.extraction === null && told.moreWithinMs !== null;
  return completionJob(call, waits ? { dueAt: told.heardAt + (told.moreWithinMs ?? 0) } : {});
}

function rowOf(call: CallRecord, told: ReportedCall): CallRecord {
  // What the simplified shape tells has no direction by its contract, and its events are those of a dialler.
  const direction = told.direction ?? 'outbound';
  const { from, answeredAt, createdAt, metadata } = told;
  const to = told.to ?? '';
  const isOver = call.state === 'ended';
  return {
    ...call,
    direction,
    from,
    to,
    agentId: told.agentId ?? '',
    metadata,
    contact: {
      id: told.contact.id ?? call.contact.id,
      name: told.contact.name ?? call.contact.name,
      phone: numberOf(direction === 'inbound' ? from : to),
    },
    createdAt,
    answeredAt,
    leaseUntil: told.heardAt + (told.ended ? END_GRACE_MS : (told.staleAfterMs ?? 0)),
    state: isOver ? 'ended' : stateOf(told),
    ...(isOver && { endedAt: told.endedAt, endReason: told.endReason }),
    ...(told.cost && { costMicrousd: Math.round(told.cost.total * 1_000_000) }),
  };
}

/** Whom a platform names by anything but a number has none: see `call_row.ts`. */
function numberOf(end: string | null): string | null {
  return end?.startsWith('+') ? end : null;
}

/** Until a report says how far it is, a call is where every call of a platform begins. */
function stateOf({ answered, ringingAt, direction, beginning }: ReportedCall): CallRecord['state'] {
  if (answered === true) return 'active';
  const ringsHere = direction === 'inbound' && beginning.comesIn;
  return ringingAt !== null || ringsHere ? 'ringing' : 'dialing';
}

function eventsOf(call: CallRecord, told: ReportedCall): EventDraft[] {
  const draft = <T extends EventType>(type: T, data: EventDraftData[T], time: number) =>
    draftEvent(type, data, { id: eventId(call, type), time });
  const { createdAt, ringingAt, answeredAt } = told;
  const { goesOut, comesIn, ringsOut } = beginningOf(told);
  const events: EventDraft[] = [];
  if (goesOut) events.push(draft('call.initiated', {}, createdAt));
  if (comesIn) events.push(draft('call.started', {}, createdAt));
  if (ringsOut && ringingAt !== null) events.push(draft('call.ringing', {}, ringingAt));
  if (answeredAt !== null) {
    const ring_ms = Math.max(0, answeredAt - (ringingAt ?? createdAt));
    events.push(draft('call.answered', { ring_ms, context: 'none' }, answeredAt));
  }
  const ends = told.ended && told.settled;
  const endedAt = told.endedAt ?? told.heardAt;
  if (ends && call.state !== 'ended') {
    const { endReason: reason, sipStatus: sip_status } = told;
    if (told.answered !== true) events.push(draft('call.failed', { sip_status, reason }, endedAt));
    events.push(draft('call.ended', { end_reason: reason }, endedAt));
  }
  if (told.recording && (ends || call.state === 'ended')) {
    const { url: recording_url, seconds: duration_seconds } = told.recording;
    const data = { recording_url, recording_expires_at: null, duration_seconds };
    events.push(draft('call.recording_ready', data, endedAt));
  }
  return events;
}

/** Of a call that is closed without anybody having said how far it was, the first event is its row's. */
function beginningOf({ beginning, ended, direction }: ReportedCall): Beginning {
  if (beginning.goesOut || beginning.comesIn || !ended) return beginning;
  const comesIn = direction === 'inbound';
  return { goesOut: !comesIn, comesIn, ringsOut: false };
}

/** By the call, whose id belongs to the platform's, and the type. */
function eventId({ id }: CallRecord, type: EventType): EventDraft['id'] {
  return derivedId('evt', idTime(id), `${id} ${type}`);
}

/** What has come of a call meanwhile, while its `call.completed` waits for it. */
function jobsOf(call: CallRecord, told: ReportedCall): JobDraft[] {
  const isNews = told.moreWithinMs !== null && told.extraction !== null && call.outcome === null;
  return call.state === 'ended' && isNews ? [completionJob(call, { again: true })] : [];
}
