import { z } from 'zod';
import type { Report } from '../../events/reported_call.ts';
import type { EndReason } from '../../events/vocabulary.ts';
import { contactIn } from '../contact_in.ts';
import { endReasonOf } from '../end_reason.ts';
import * as loose from '../loose.ts';
import { isObject, type JsonObject } from '../loose.ts';
import { outcomeIn } from '../outcome_words.ts';
import type { Platform, Reading } from '../platform.ts';
import { saidBy } from '../said.ts';

/**
 * ElevenLabs: `{type, event_timestamp, data}` after the call, times in seconds, cost in credits (of
 * which nobody but ElevenLabs knows the price); and before it, flat, who calls.
 */
export const elevenlabs: Platform = {
  name: 'elevenlabs',
  recognises: ({ type, data, agent_id, call_sid, caller_id, called_number }) =>
    typeof type === 'string'
      ? isObject(data) && typeof data.conversation_id === 'string'
      : typeof agent_id === 'string' &&
        typeof called_number === 'string' &&
        (typeof call_sid === 'string' || typeof caller_id === 'string'),
  read(body) {
    if (body.type === undefined) return initiation(body);
    const { type = '', event_timestamp: at, data } = Body.parse(body);
    const callId = data.conversation_id;
    if (callId === undefined) return { kind: 'no_call' };
    if (type === 'post_call_transcription') {
      return { kind: 'report', callId, event: type, report: transcription(data, at) };
    }
    if (type === 'call_initiation_failure') {
      return { kind: 'report', callId, event: type, report: failure(data, at) };
    }
    const report: Report = { stage: 'told', agentId: data.agent_id };
    // The audio is megabytes of base64 inside of JSON: nothing to keep in a database.
    const known = type === 'post_call_audio';
    return { kind: 'report', callId, event: type, report, ...(!known && { unknown: body }) };
  },
};

const Body = z.object({
  type: loose.text,
  event_timestamp: loose.timeInSeconds,
  data: loose.part({
    conversation_id: loose.id,
    agent_id: loose.text,
    status: loose.text,
    failure_reason: loose.text,
    transcript: loose.listOf(
      z.object({
        role: loose.text,
        message: loose.longText,
        time_in_call_secs: loose.lengthInSeconds,
      }),
    ),
    metadata: loose.part({
      start_time_unix_secs: loose.timeInSeconds,
      accepted_time_unix_secs: loose.timeInSeconds,
      call_duration_secs: loose.lengthInSeconds,
      termination_reason: loose.text,
      phone_call: loose.part({
        direction: loose.text,
        agent_number: loose.phone,
        external_number: loose.phone,
      }),
      body: loose.part({
        To: loose.phone,
        From: loose.phone,
        to_number: loose.phone,
        from_number: loose.phone,
      }),
    }),
    analysis: loose.part({
      call_successful: loose.text,
      transcript_summary: loose.longText,
      data_collection_results: loose.anyObject,
      evaluation_criteria_results: loose.anyObject,
    }),
    conversation_initiation_client_data: loose.part({ dynamic_variables: loose.anyObject }),
  }),
});
type Data = z.infer<typeof Body>['data'];

function transcription(data: Data, at: number | undefined): Report {
  const { metadata, analysis } = data;
  const {
    phone_call: line,
    start_time_unix_secs: startedAt,
    call_duration_secs: durationMs,
  } = metadata;
  const inbound = line.direction !== 'outbound';
  const variables = ownVariables(data);
  const extraction = analysisOf(analysis);
  return {
    stage: 'analysed',
    final: true,
    at: startedAt === undefined || durationMs === undefined ? at : startedAt + durationMs,
    direction: inbound ? 'inbound' : 'outbound',
    from: inbound ? line.external_number : line.agent_number,
    to: inbound ? line.agent_number : line.external_number,
    agentId: data.agent_id,
    contactId: contactIn(variables),
    metadata: variables,
    createdAt: startedAt,
    answeredAt: durationMs === 0 ? undefined : (metadata.accepted_time_unix_secs ?? startedAt),
    endedAt: startedAt === undefined || durationMs === undefined ? at : startedAt + durationMs,
    durationMs,
    endReason: endReason(metadata.termination_reason, data.status),
    said: saidBy(
      data.transcript.map(({ role, message: text, time_in_call_secs: ms }) => ({
        role,
        text,
        at: startedAt === undefined || ms === undefined ? undefined : startedAt + ms,
      })),
    ),
    extraction,
    outcome: extraction && outcomeIn(extraction),
  };
}

/** An outbound call that nobody took. */
function failure(data: Data, at: number | undefined): Report {
  const { body } = data.metadata;
  return {
    stage: 'ended',
    final: true,
    at,
    endedAt: at,
    direction: 'outbound',
    from: body.From ?? body.from_number,
    to: body.To ?? body.to_number,
    agentId: data.agent_id,
    answered: false,
    durationMs: 0,
    endReason: endReasonOf(data.failure_reason) ?? 'dial_failed',
  };
}

function endReason(words: string | undefined, status: string | undefined): EndReason {
  if (status === 'failed') return endReasonOf(words) ?? 'error';
  if (words === undefined) return 'unknown';
  if (/client|remote party|user|caller/i.test(words)) return 'caller_hung_up';
  if (/end_call tool|agent|assistant/i.test(words)) return 'agent_hung_up';
  return endReasonOf(words) ?? 'unknown';
}

/** Those that begin with `system__` are ElevenLabs' own, credentials among them. */
function ownVariables({ conversation_initiation_client_data: data }: Data): JsonObject | undefined {
  const own = Object.entries(data.dynamic_variables ?? {}).filter(
    ([name]) => !/^(system|secret)__/.test(name),
  );
  return own.length > 0 ? Object.fromEntries(own) : undefined;
}

function analysisOf(analysis: Data['analysis']): JsonObject | undefined {
  const { transcript_summary: summary, call_successful } = analysis;
  const collected = Object.entries(analysis.data_collection_results ?? {}).flatMap(([name, one]) =>
    isObject(one) ? [[name, one.value ?? null]] : [],
  );
  if (summary === undefined && collected.length === 0) return undefined;
  return {
    ...(summary !== undefined && { summary }),
    ...(call_successful !== undefined && {
      successful:
        call_successful === 'success' ? true : call_successful === 'failure' ? false : null,
    }),
    ...Object.fromEntries(collected),
  };
}

const Initiation = z.object({ caller_id: loose.phone, called_number: loose.phone });

/** Who calls, before the agent answers. */
function initiation(body: JsonObject): Reading {
  const { caller_id, called_number } = Initiation.parse(body);
  return {
    kind: 'question',
    callId: null,
    question: {
      kind: 'beginning',
      caller: caller_id ?? null,
      called: called_number ?? null,
      answer: ({ variables, contactId }) => ({
        type: 'conversation_initiation_client_data',
        dynamic_variables: { ...variables, ...(contactId !== null && { contactId }) },
      }),
    },
  };
}
