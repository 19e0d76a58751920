import { z } from 'zod';
import { derivedId, type EventId } from '../ids.ts';
import type { CallHistory } from '../store/event_composer.ts';
import type { CallRecord, JobDraft } from '../store/store.ts';

const asked = z.object({ end: z.literal(true) });
const answered = z.object({ metadata: z.record(z.string(), z.unknown()) });

export const endHookBody = z.object({
  /** Of `call.ended`. */
  eventId: z.string(),
  /** What the start hook attached to the call. */
  metadata: z.record(z.string(), z.unknown()),
});
export type EndHookBody = z.infer<typeof endHookBody>;

/**
 * Tells the backend whose start hook was asked of the call's end (`src/hooks/end_hook.ts`). Made inside the
 * append of `call.ended`, whoever appends it: the process that had the call may be dead.
 */
export function endHookJob(
  call: CallRecord,
  { facts }: CallHistory,
  eventId: EventId,
): JobDraft | null {
  const hooks = facts.filter(({ kind }) => kind === 'hook').map(({ data }) => data);
  if (!hooks.some((data) => asked.safeParse(data).success)) return null;
  const last = hooks.findLast((data) => answered.safeParse(data).success);
  const body: EndHookBody = { eventId, metadata: answered.safeParse(last).data?.metadata ?? {} };
  return {
    id: derivedId('job', call.createdAt, `${call.id} end hook`),
    kind: 'end_hook',
    target: `hook:${call.agentId}`,
    body,
  };
}
