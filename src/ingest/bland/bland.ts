import { z } from 'zod';
import type { Report } from '../../events/reported_call.ts';
import type { EndReason } from '../../events/vocabulary.ts';
import { contactIn } from '../contact_in.ts';
import { endReasonOf, plainWords } from '../end_reason.ts';
import * as loose from '../loose.ts';
import { outcomeIn } from '../outcome_words.ts';
import type { Platform } from '../platform.ts';
import { saidBy, saidIn } from '../said.ts';

/**
 * Bland: one flat object after the call, `call_length` in minutes, `price` in US dollars. What happens
 * during the call (`{call_id, category, message}`) comes to the same URL where that is asked for.
 */
export const bland: Platform = {
  name: 'bland',
  recognises: (body) =>
    typeof body.call_id === 'string' &&
    (OF_A_CALL.some((key) => key in body) || ('category' in body && 'message' in body)),
  read(body) {
    const call = Call.parse(body);
    const callId = call.call_id ?? call.c_id;
    if (callId === undefined) return { kind: 'no_call' };
    if (!OF_A_CALL.some((key) => key in body)) {
      const event = `live ${call.category ?? ''}`.trim();
      return { kind: 'report', callId, event, report: { stage: 'told' }, unknown: body };
    }
    return { kind: 'report', callId, event: 'post-call', report: reportOf(call) };
  },
};

const OF_A_CALL = [
  'c_id',
  'call_length',
  'corrected_duration',
  'queue_status',
  'concatenated_transcript',
  'transcripts',
] as const;

const Call = z.object({
  call_id: loose.id,
  c_id: loose.id,
  category: loose.text,
  call_length: loose.lengthInMinutes,
  corrected_duration: loose.lengthInSeconds,
  to: loose.phone,
  from: loose.phone,
  inbound: loose.flag,
  completed: loose.flag,
  status: loose.text,
  created_at: loose.timeInMs,
  started_at: loose.timeInMs,
  end_at: loose.timeInMs,
  error_message: loose.text,
  answered_by: loose.text,
  recording_url: loose.url,
  price: loose.amount,
  call_ended_by: loose.text,
  disposition_tag: loose.text,
  transferred_to: loose.text,
  pathway_id: loose.text,
  persona_id: loose.text,
  analysis: loose.anyObject,
  summary: loose.longText,
  metadata: loose.anyObject,
  concatenated_transcript: loose.longText,
  transcripts: loose.listOf(
    z.object({ text: loose.longText, user: loose.text, created_at: loose.timeInMs }),
  ),
});
type Call = z.infer<typeof Call>;

function reportOf(call: Call): Report {
  const { summary, analysis, price } = call;
  const endReason = endReasonFrom(call);
  // The second is rounded.
  const durationMs = call.corrected_duration ?? call.call_length;
  const extraction =
    summary === undefined && analysis === undefined
      ? undefined
      : { ...(summary !== undefined && { summary }), ...analysis };
  return {
    stage: 'ended',
    final: true,
    at: call.end_at,
    direction: call.inbound === undefined ? undefined : call.inbound ? 'inbound' : 'outbound',
    from: call.from,
    to: call.to,
    agentId: call.pathway_id ?? call.persona_id,
    contactId: contactIn(call.metadata),
    metadata: call.metadata,
    createdAt: call.created_at ?? call.started_at,
    answeredAt: ANSWERED_BY.has(call.answered_by ?? '') ? call.started_at : undefined,
    endedAt: call.end_at,
    durationMs,
    answered: answeredBy(call, endReason),
    endReason,
    said:
      saidBy(
        call.transcripts.map(({ user, text, created_at: at }) => ({ role: user, text, at })),
      ) ?? saidIn(call.concatenated_transcript),
    recordingUrl: call.recording_url,
    recordingMs: durationMs,
    cost:
      price === undefined
        ? undefined
        : { model: price, transcription: 0, telephony: 0, recording: 0, total: price },
    extraction,
    outcome: outcomeIn(extraction ?? {}, call.disposition_tag),
  };
}

const ANSWERED_BY: ReadonlySet<string> = new Set(['human', 'voicemail']);

function answeredBy({ answered_by, status }: Call, reason: EndReason): boolean | undefined {
  if (answered_by !== undefined && ANSWERED_BY.has(answered_by)) return true;
  if (answered_by === 'no-answer' || FAILED.has(plainWords(status ?? ''))) return false;
  return reason === 'no_answer' || reason === 'busy' ? false : undefined;
}

const FAILED: ReadonlySet<string> = new Set([
  'failed',
  'busy',
  'no-answer',
  'canceled',
  'cancelled',
]);

function endReasonFrom(call: Call): EndReason {
  const { answered_by, status = '', call_ended_by = '', transferred_to, error_message } = call;
  const plain = plainWords(status);
  if (answered_by === 'voicemail') return 'voicemail';
  if (answered_by === 'no-answer' || plain === 'no-answer') return 'no_answer';
  if (plain === 'busy') return 'busy';
  if (plain === 'canceled' || plain === 'cancelled') return 'ended_by_api';
  if (plain === 'failed') return endReasonOf(error_message) ?? 'dial_failed';
  if (transferred_to !== undefined) return 'transferred';
  const by = plainWords(call_ended_by);
  if (by === 'user' || by === 'human' || by === 'callee') return 'caller_hung_up';
  if (by === 'assistant' || by === 'agent') return 'agent_hung_up';
  return endReasonOf(error_message) ?? 'unknown';
}
