import { derivedId } from '../ids.ts';
import type { CallRecord, JobDraft } from '../store/store.ts';

/**
 * Has the calls placed that a completed one leads to (`src/dialling/follow_up_handler.ts`). Made inside
 * the append of every `call.completed`, whoever appends it and whichever platform ran the call: profiles
 * change while the worker runs, so whether anything follows is not known before the job is done.
 */
export function followUpJob(call: CallRecord): JobDraft {
  return {
    id: derivedId('job', call.createdAt, `${call.id} follow up`),
    kind: 'follow_up',
    target: 'follow_up',
    body: {},
  };
}
