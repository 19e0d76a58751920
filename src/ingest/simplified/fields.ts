import { z } from 'zod';
import type { Report } from '../../events/reported_call.ts';
import type { Outcome } from '../../events/vocabulary.ts';
import * as loose from '../loose.ts';
import { outcomeIn } from '../outcome_words.ts';
import { roleOf, saidBy, saidIn } from '../said.ts';

const Utterance = z.object({
  role: loose.text,
  speaker: loose.text,
  text: loose.longText,
  content: loose.longText,
  message: loose.longText,
  timestamp: loose.timeInSeconds,
});
const Utterances = loose.listOf(Utterance);

/** Of an empty list nothing: that is no mistake. */
function saidFrom(transcript: unknown): Report['said'] {
  if (Array.isArray(transcript) && transcript.length === 0) return [];
  if (typeof transcript === 'string') return saidIn(loose.longText.parse(transcript));
  return saidBy(
    Utterances.parse(transcript).map(
      ({ role, speaker, text, content, message, timestamp: at }) => ({
        role: roleOf(role) === undefined ? speaker : role,
        text: text ?? content ?? message,
        at,
      }),
    ),
  );
}

function directionIn(value: unknown): Report['direction'] {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : '';
  return word === 'inbound' || word === 'outbound' ? word : undefined;
}

function outcomeFrom(value: unknown): Outcome | undefined {
  return typeof value === 'string' ? outcomeIn({}, value) : undefined;
}

/** They stand at the top, or inside of `call`. */
const Fields = {
  id: loose.id,
  call_id: loose.id,
  status: loose.text,
  call_status: loose.text,
  direction: z.transform(directionIn),
  from: loose.phone,
  to: loose.phone,
  from_number: loose.phone,
  to_number: loose.phone,
  agentId: loose.text,
  agent_id: loose.text,
  assistantId: loose.text,
  duration: loose.lengthInSeconds,
  duration_seconds: loose.lengthInSeconds,
  durationSeconds: loose.lengthInSeconds,
  call_length: loose.lengthInSeconds,
  startedAt: loose.timeInSeconds,
  started_at: loose.timeInSeconds,
  start_timestamp: loose.timeInSeconds,
  endedAt: loose.timeInSeconds,
  ended_at: loose.timeInSeconds,
  end_timestamp: loose.timeInSeconds,
  answeredAt: loose.timeInSeconds,
  answered_at: loose.timeInSeconds,
  endedReason: loose.text,
  ended_reason: loose.text,
  end_reason: loose.text,
  disconnection_reason: loose.text,
  reason: loose.text,
  transcript: z.transform(saidFrom),
  recordingUrl: loose.url,
  recording_url: loose.url,
  cost: loose.amount,
  summary: loose.longText,
  extraction: loose.anyObject,
  analysis: loose.anyObject,
  outcome: z.transform(outcomeFrom),
  metadata: loose.anyObject,
};

export const Call = z.object({
  ...Fields,
  callId: loose.id,
  conversation_id: loose.id,
  event: loose.text,
  event_type: loose.text,
  type: loose.text,
  timestamp: loose.timeInSeconds,
  contactId: loose.text,
  contact: loose.part({ id: loose.text, name: loose.text }),
  call: loose.part(Fields),
});
export type Call = z.infer<typeof Call>;

/** The first of these that is told, at the top or inside of `call`. */
export function either<K extends keyof typeof Fields>(
  call: Call,
  ...names: K[]
): Call[K] | undefined {
  for (const name of names) {
    const value = call[name] ?? call.call[name];
    if (value !== undefined) return value as Call[K];
  }
  return undefined;
}
