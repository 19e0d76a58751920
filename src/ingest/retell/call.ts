import { z } from 'zod';
import * as loose from '../loose.ts';

/** Retell's call object, as far as we read it. */
export const RetellCall = loose.part({
  call_id: loose.id,
  call_type: loose.text,
  call_status: loose.text,
  direction: loose.text,
  from_number: loose.phone,
  to_number: loose.phone,
  agent_id: loose.text,
  metadata: loose.anyObject,
  start_timestamp: loose.timeInMs,
  end_timestamp: loose.timeInMs,
  duration_ms: loose.lengthInMs,
  disconnection_reason: loose.text,
  transcript: loose.longText,
  transcript_object: loose.listOf(
    z.object({
      role: loose.text,
      content: loose.longText,
      words: loose.listOf(z.object({ start: loose.lengthInSeconds })),
    }),
  ),
  recording_url: loose.url,
  call_cost: loose.part({
    combined_cost: loose.amount,
    product_costs: loose.listOf(z.object({ product: loose.text, cost: loose.amount })),
  }),
  call_analysis: loose.anyObject,
});
export type RetellCall = z.infer<typeof RetellCall>;
