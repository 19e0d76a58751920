import { z } from 'zod';
import type { Report, ReportStage } from '../../events/reported_call.ts';
import type { EndReason } from '../../events/vocabulary.ts';
import { contactIn } from '../contact_in.ts';
import { endReasonOf, plainWords } from '../end_reason.ts';
import type { JsonObject } from '../loose.ts';
import * as loose from '../loose.ts';
import { outcomeIn } from '../outcome_words.ts';
import type { Reading } from '../platform.ts';
import { Call, either } from './fields.ts';
import { unread } from './unread.ts';

/*
 * The simplified shape: one flat object with a `provider`, of whatever platform, as glue between a
 * platform and us writes it. Times and durations are seconds; a time far off in that unit is in
 * milliseconds. Names are read in both spellings, and Vapi's stand inside of `call`.
 */

/** Who is meant by a provider of ours, or by none. */
const GENERIC = 'generic';

/** As it stands in our events. `callwire` are our own calls, and nobody else's. */
export function providerOf(body: JsonObject): string {
  const { provider } = Named.parse(body);
  const name = plainWords(provider ?? '').slice(0, 64);
  return name === '' || name === 'callwire' ? GENERIC : name;
}

const Named = z.object({ provider: loose.text });

export function readSimplified(body: JsonObject): Reading {
  const call = Call.parse(body);
  const callId =
    call.callId ??
    call.call_id ??
    call.call.id ??
    call.call.call_id ??
    call.conversation_id ??
    call.id;
  if (callId === undefined) return { kind: 'no_call' };
  const event = call.event ?? call.event_type ?? call.type ?? '';
  const stage = stageOf(event, call);
  const report = reportOf(call, stage ?? 'told', event);
  const ignored = new Set([...(stage === undefined ? ['event'] : []), ...unread(body, call)]);
  return {
    kind: 'report',
    callId,
    event,
    report,
    ignored: [...ignored],
    ...(stage === undefined && { unknown: body }),
  };
}

const STAGES: Record<string, ReportStage> = {
  initiated: 'initiated',
  created: 'initiated',
  queued: 'initiated',
  scheduled: 'initiated',
  registered: 'initiated',
  ringing: 'ringing',
  answered: 'answered',
  started: 'answered',
  connected: 'answered',
  'in-progress': 'answered',
  ongoing: 'answered',
  completed: 'ended',
  ended: 'ended',
  failed: 'ended',
  hangup: 'ended',
  busy: 'ended',
  'no-answer': 'ended',
  canceled: 'ended',
  cancelled: 'ended',
  'end-of-call-report': 'ended',
  analyzed: 'analysed',
  analysed: 'analysed',
  'recording-ready': 'recorded',
  'recording-completed': 'recorded',
};

function wordsOf(event: string): string {
  return plainWords(event).replace(/^(phone-)?call-/, '');
}

function stageOf(event: string, call: Call): ReportStage | undefined {
  const words = wordsOf(event);
  if (words === 'status-update' || words === '') {
    return STAGES[plainWords(either(call, 'status', 'call_status') ?? '')];
  }
  return STAGES[words];
}

function reportOf(call: Call, stage: ReportStage, event: string): Report {
  const over = stage === 'ended' || stage === 'analysed';
  const length = either(call, 'duration', 'duration_seconds', 'durationSeconds', 'call_length');
  const startedAt = either(call, 'startedAt', 'started_at', 'start_timestamp');
  const endedAt = either(call, 'endedAt', 'ended_at', 'end_timestamp');
  const metadata = either(call, 'metadata') as JsonObject | undefined;
  const durationMs = over ? (length ?? loose.lengthBetween(startedAt, endedAt)) : undefined;
  const reason = over ? endReasonFrom(call, event) : undefined;
  const total = either(call, 'cost');
  const extraction = analysisOf(call);
  return {
    stage,
    at: call.timestamp ?? (over ? endedAt : startedAt),
    direction: either(call, 'direction'),
    from: either(call, 'from', 'from_number'),
    to: either(call, 'to', 'to_number'),
    agentId:
      loose.text.parse(metadata?.agentId) ?? either(call, 'agentId', 'agent_id', 'assistantId'),
    contactId: contactIn(metadata) ?? call.contactId ?? call.contact.id,
    contactName: call.contact.name,
    metadata,
    createdAt: startedAt,
    answeredAt: either(call, 'answeredAt', 'answered_at') ?? (over ? startedAt : undefined),
    recordingUrl: either(call, 'recordingUrl', 'recording_url'),
    said: either(call, 'transcript'),
    ...(stage === 'recorded' && length !== undefined && { recordingMs: length }),
    ...(over && {
      final: true,
      endedAt: endedAt ?? call.timestamp,
      durationMs,
      answered: answeredBy(event, call, durationMs),
      endReason: reason,
      cost:
        total === undefined
          ? undefined
          : { model: total, transcription: 0, telephony: 0, recording: 0, total },
    }),
    extraction,
    outcome: either(call, 'outcome') ?? outcomeIn(extraction ?? {}),
  };
}

const UNANSWERED: ReadonlySet<string> = new Set([
  'failed',
  'busy',
  'no-answer',
  'canceled',
  'cancelled',
  'not-connected',
]);

/** What is completed was answered, unless it took no time or has a word that says otherwise. */
function answeredBy(event: string, call: Call, durationMs: number | undefined): boolean {
  const status = plainWords(either(call, 'status', 'call_status') ?? '');
  if (UNANSWERED.has(wordsOf(event)) || UNANSWERED.has(status)) return false;
  return durationMs !== 0;
}

function endReasonFrom(call: Call, event: string): EndReason {
  const told = either(
    call,
    'endedReason',
    'ended_reason',
    'end_reason',
    'disconnection_reason',
    'reason',
  );
  const status = either(call, 'status', 'call_status');
  const word = [told, status, wordsOf(event)]
    .map((words) => (words === undefined ? undefined : endReasonOf(words)))
    .find((reason) => reason !== undefined);
  return word ?? 'unknown';
}

function analysisOf(call: Call): JsonObject | undefined {
  const given = (either(call, 'extraction') ?? either(call, 'analysis')) as JsonObject | undefined;
  const summary = either(call, 'summary');
  if (given === undefined && summary === undefined) return undefined;
  return { ...(summary !== undefined && { summary }), ...given };
}
