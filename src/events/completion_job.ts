import { z } from 'zod';
import { derivedId, type EventId } from '../ids.ts';
import type { CallRecord, JobDraft } from '../store/store.ts';

/**
 * What is left to do of every call when it has ended, however it ended: find out what came of it and
 * say so in `call.completed` (`src/analysis/completion_handler.ts`). Made inside the append of
 * `call.ended`, so there is no end without it.
 */
export function completionJob(call: CallRecord): JobDraft {
  const body: CompletionBody = { eventId: completedEventId(call) };
  return {
    id: derivedId('job', call.createdAt, `${call.id} completion`),
    kind: 'completion',
    target: 'extraction',
    body,
  };
}

/** The id of a call's one `call.completed`: whoever writes it, and however often, it is one event. */
export function completedEventId({ id, createdAt, endedAt }: CallRecord): EventId {
  return derivedId('evt', endedAt ?? createdAt, `${id} call.completed`);
}

export const completionBody = z.object({
  eventId: z.custom<EventId>((id) => typeof id === 'string' && id.startsWith('evt_')),
});
export type CompletionBody = z.infer<typeof completionBody>;
