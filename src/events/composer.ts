import type { EventComposer } from '../store/event_composer.ts';
import { callActivityJob } from './call_activity.ts';
import { EVENTS, isEventType } from './catalogue.ts';
import { derivesFromHistory } from './derived_data.ts';
import { composeEvent } from './envelope.ts';

/** The catalogue's side of the append: what the store asks of an event while it writes it. */
export const eventComposer: EventComposer = {
  kindOf(type) {
    if (!isEventType(type)) return null;
    const { counter } = EVENTS[type];
    if (counter === 'unstored') return null;
    return {
      counter: counter === 'call' ? 'sequence' : counter,
      readsHistory: derivesFromHistory(type),
    };
  },

  compose: composeEvent,

  /**
   * `*` and the default endpoint take everything but transcripts, which have to be named, and what
   * speaks of the endpoint itself.
   */
  reaches({ type, data }, endpointId) {
    if (type.startsWith('transcript.')) return false;
    return String(data.endpoint_id ?? '').split(':', 1)[0] !== endpointId;
  },

  jobsFor({ draft, call, history }) {
    if (draft.type !== 'call.ended') return [];
    const job = callActivityJob(call, history);
    return job === null ? [] : [job];
  },
};
