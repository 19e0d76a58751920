import { z } from 'zod';
import type { Report, ReportStage } from '../../events/reported_call.ts';
import type { EndReason } from '../../events/vocabulary.ts';
import { contactIn } from '../contact_in.ts';
import { endReasonOf, plainWords } from '../end_reason.ts';
import * as loose from '../loose.ts';
import { isObject, type JsonObject } from '../loose.ts';
import { outcomeIn } from '../outcome_words.ts';
import type { Platform } from '../platform.ts';
import { saidBy, saidIn } from '../said.ts';
import { RetellCall } from './call.ts';
import { customFunction, inboundCall } from './questions.ts';

/**
 * Retell: `{event, call}`, times in milliseconds, cost in US cents. It sends `call_ended`, and within
 * seconds `call_analyzed`, the same call with its analysis. Calls in the browser have no numbers.
 */
export const retell: Platform = {
  name: 'retell',
  recognises: ({ event, call, call_inbound, name, args }) => {
    if (event === 'call_inbound') return isObject(call_inbound);
    const isCall = isObject(call) && typeof call.call_id === 'string';
    return isCall && (typeof event === 'string' || (typeof name === 'string' && isObject(args)));
  },
  read(body) {
    const { event, call, call_inbound } = Body.parse(body);
    if (event === 'call_inbound') return inboundCall(call_inbound ?? {});
    if (event === undefined) return customFunction(body, call);
    const callId = call.call_id;
    if (callId === undefined) return { kind: 'no_call' };
    const stage = STAGES[event];
    const report = reportOf(call, stage ?? 'told');
    const known = stage !== undefined || KNOWN_ASIDE.has(event);
    return { kind: 'report', callId, event, report, ...(!known && { unknown: body }) };
  },
};

const STAGES: Record<string, ReportStage> = {
  call_started: 'answered',
  call_ended: 'ended',
  call_analyzed: 'analysed',
};

/** They come often, and `call_ended` has all that they say. */
const KNOWN_ASIDE: ReadonlySet<string> = new Set(['transcript_updated']);

/** How long the analysis takes at most, as a rule: a few seconds. */
const ANALYSIS_MS = 15_000;

const Body = z.object({
  event: loose.text,
  call: RetellCall,
  call_inbound: loose.anyObject,
});

function reportOf(call: RetellCall, stage: ReportStage): Report {
  const { start_timestamp: startedAt, end_timestamp: endedAt } = call;
  const over = stage === 'ended' || stage === 'analysed';
  const reason = over ? endReason(call.disconnection_reason) : undefined;
  const durationMs = over
    ? (call.duration_ms ?? loose.lengthBetween(startedAt, endedAt))
    : undefined;
  const analysis = stage === 'analysed' ? analysisOf(call.call_analysis) : undefined;
  return {
    stage,
    at: over ? endedAt : startedAt,
    direction: directionOf(call),
    from: call.from_number,
    to: call.to_number,
    agentId: call.agent_id,
    contactId: contactIn(call.metadata),
    metadata: call.metadata,
    createdAt: startedAt,
    durationMs,
    endReason: reason,
    ...(over && {
      endedAt,
      final: true,
      answered: answeredBy(call),
      said:
        saidBy(
          call.transcript_object.map(({ role, content, words }) => ({
            role,
            text: content,
            at: offset(startedAt, words[0]?.start),
          })),
        ) ?? saidIn(call.transcript),
      recordingUrl: call.recording_url,
      recordingMs: durationMs,
      cost: costOf(call.call_cost),
      moreWithinMs: ANALYSIS_MS,
    }),
    ...(analysis && {
      extraction: analysis,
      outcome: outcomeIn(analysis, voicemailIn(call.call_analysis)),
    }),
  };
}

function offset(startedAt: number | undefined, ms: number | undefined): number | undefined {
  return startedAt === undefined || ms === undefined ? undefined : startedAt + ms;
}

function directionOf({ direction, call_type }: RetellCall): Report['direction'] {
  if (direction === 'inbound' || direction === 'outbound') return direction;
  // Somebody came to us through a browser.
  return call_type === 'web_call' ? 'inbound' : undefined;
}

/** `not_connected`: it never came to a conversation. */
function answeredBy({ call_status, disconnection_reason }: RetellCall): boolean | undefined {
  if (call_status === 'not_connected') return false;
  return disconnection_reason?.startsWith('dial_') ? false : undefined;
}

const END_REASONS: Record<string, EndReason> = {
  'user-hangup': 'caller_hung_up',
  'agent-hangup': 'agent_hung_up',
  'call-transfer': 'transferred',
  'transfer-bridged': 'transferred',
  'voicemail-reached': 'voicemail',
  'ivr-reached': 'voicemail',
  'machine-detected': 'voicemail',
  inactivity: 'silence',
  'max-duration-reached': 'max_duration',
  'concurrency-limit-reached': 'no_capacity',
  'no-valid-payment': 'error',
  'scam-detected': 'error',
  'error-inbound-webhook': 'rejected',
  'dial-busy': 'busy',
  'dial-failed': 'dial_failed',
  'dial-no-answer': 'no_answer',
  'invalid-destination': 'invalid_number',
  'telephony-provider-permission-denied': 'dial_failed',
  'telephony-provider-unavailable': 'dial_failed',
  'sip-routing-error': 'dial_failed',
  'marked-as-spam': 'rejected',
  'user-declined': 'rejected',
  'error-no-audio-received': 'media_lost',
  'error-asr': 'model_unavailable',
  'error-user-not-joined': 'no_answer',
  'registered-call-timeout': 'no_answer',
  'manual-stopped': 'ended_by_api',
};

function endReason(words: string | undefined): EndReason | undefined {
  if (words === undefined) return undefined;
  const plain = plainWords(words);
  if (plain.startsWith('error-llm')) return 'model_unavailable';
  return END_REASONS[plain] ?? endReasonOf(words) ?? 'unknown';
}

/** In cents. What is neither telephony nor transcription belongs to the agent itself. */
function costOf({ combined_cost: cents, product_costs }: RetellCall['call_cost']): Report['cost'] {
  if (cents === undefined) return undefined;
  const total = cents / 100;
  const telephony = product_costs
    .filter(({ product }) => product?.includes('telephony'))
    .reduce((sum, { cost = 0 }) => sum + cost / 100, 0);
  const usd = (value: number) => Math.round(value * 1e6) / 1e6;
  return {
    model: usd(Math.max(0, total - telephony)),
    transcription: 0,
    telephony: usd(telephony),
    recording: 0,
    total: usd(total),
  };
}

const Analysis = z.object({
  call_summary: loose.longText,
  user_sentiment: loose.text,
  call_successful: loose.flag,
  in_voicemail: loose.flag,
  custom_analysis_data: loose.anyObject,
});

function analysisOf(given: JsonObject | undefined): JsonObject | undefined {
  if (given === undefined) return undefined;
  const { call_summary, user_sentiment, call_successful, custom_analysis_data } =
    Analysis.parse(given);
  return {
    ...(call_summary !== undefined && { summary: call_summary }),
    ...(user_sentiment !== undefined && { sentiment: user_sentiment }),
    ...(call_successful !== undefined && { successful: call_successful }),
    ...custom_analysis_data,
  };
}

function voicemailIn(given: JsonObject | undefined): string | undefined {
  return given?.in_voicemail === true ? 'VOICEMAIL' : undefined;
}
