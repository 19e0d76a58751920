import type { PriceTable } from '../cost/price_table.ts';
import type { EventComposer } from '../store/event_composer.ts';
import { callActivityJob } from './call_activity.ts';
import { EVENTS, isEventType } from './catalogue.ts';
import { completionJob } from './completion_job.ts';
import { derivesFromHistory } from './derived_data.ts';
import { endHookJob } from './end_hook_job.ts';
import { composeEvent, redactedBody } from './envelope.ts';
import { followUpJob } from './follow_up_job.ts';
import { recordingJob } from './recording_job.ts';
import { completionAfterReports, followReports } from './reported_events.ts';

/** Whether `*` and the default endpoint take a type; transcripts have to be named. */
export function isForEverybody(type: string): boolean {
  return !type.startsWith('transcript.');
}

/**
 * The catalogue's side of the append: what the store asks of an event while it writes it.
 *
 * @param prices What calls cost by. (Default: the list prices)
 */
export function createEventComposer(prices?: PriceTable): EventComposer {
  return {
    kindOf(type) {
      if (!isEventType(type)) return null;
      const { counter } = EVENTS[type];
      if (counter === 'unstored') return null;
      return {
        counter: counter === 'call' ? 'sequence' : counter,
        readsHistory: derivesFromHistory(type),
      };
    },

    compose: (input) => composeEvent(input, prices),

    /** What speaks of an endpoint is not told to it; a test is told to nobody else. */
    audienceOf({ type, data }) {
      const [endpointId = ''] = String(data.endpoint_id ?? '').split(':', 1);
      if (type === 'webhook.test') return { kind: 'endpoint', id: endpointId };
      return {
        kind: 'subscribers',
        star: isForEverybody(type),
        except: endpointId === '' ? null : endpointId,
      };
    },

    redact: redactedBody,

    follow: followReports,

    jobsFor({ draft, call, history }) {
      // Of every call: only the handler knows the profile as it is by then.
      if (draft.type === 'call.completed') return [followUpJob(call)];
      if (draft.type !== 'call.ended') return [];
      const jobs = [
        callActivityJob(call, history),
        recordingJob(call, history),
        endHookJob(call, history, draft.id),
      ];
      const completion =
        call.providerCallId === null
          ? completionJob(call)
          : completionAfterReports(call, history.facts);
      return [...jobs.filter((job) => job !== null), completion];
    },
  };
}

export const eventComposer = createEventComposer();
