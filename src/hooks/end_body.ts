import { z } from 'zod';
import { CostField } from '../events/vocabulary.ts';
import type { CallRecord, StoredEvent } from '../store/store.ts';

/** What an end hook is told. */
export interface EndBody {
  callSid: string;
  callerNumber: string | null;
  calledNumber: string;
  durationSeconds: number;
  transcript: { role: 'assistant' | 'user'; text: string }[];
  /** US dollars; `null` where the cost is not known. */
  costBreakdown: Record<string, number> | null;
  metadata: Record<string, unknown>;
  timestamp: string;
}

const ended = z.object({ data: z.object({ duration_seconds: z.number(), cost: CostField }) });
const utterance = z.object({
  data: z.object({ role: z.enum(['agent', 'caller']), text: z.string() }),
});

/** From what is stored of a call, its transcript whole; `null` where its `call.ended` cannot be read. */
export function endBody(
  call: CallRecord,
  events: readonly StoredEvent[],
  metadata: Record<string, unknown>,
): EndBody | null {
  const end = events.find(({ type }) => type === 'call.ended');
  const read = end && ended.safeParse(JSON.parse(end.body)).data;
  if (!end || !read) return null;
  const { duration_seconds: durationSeconds, cost } = read.data;
  return {
    callSid: call.id,
    callerNumber: call.from,
    calledNumber: call.to,
    durationSeconds,
    transcript: events.flatMap(spoken),
    costBreakdown: cost && breakdownOf(cost),
    metadata,
    timestamp: new Date(end.time).toISOString(),
  };
}

function spoken({ type, body }: StoredEvent): EndBody['transcript'] {
  if (type !== 'transcript.final') return [];
  const read = utterance.safeParse(JSON.parse(body)).data?.data;
  return read ? [{ role: read.role === 'agent' ? 'assistant' : 'user', text: read.text }] : [];
}

function breakdownOf({ total, ...parts }: NonNullable<z.infer<typeof CostField>>) {
  return { ...parts, totalCost: total };
}
