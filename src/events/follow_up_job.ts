import { derivedId } from '../ids.ts';
import type { CallRecord, JobDraft } from '../store/store.ts';

/**
 * Has the calls placed that a completed one leads to (`src/dialling/follow_up_handler.ts`). Made inside
 * the append of `call.completed`, whoever appends it and whichever platform ran the call.
 */
export function followUpJob(call: CallRecord): JobDraft {
  return {
    id: derivedId('job', call.createdAt, `${call.id} follow up`),
    kind: 'follow_up',
    target: 'follow_up',
    body: {},
  };
}
