import type { EventComposer } from '../event_composer.ts';

/**
 * The least a composer can be, for tests of stores: it knows how to number, shows what it was
 * given, refuses a draft that asks for it (`data.refuse`), and adds a job to a `call.ended`.
 */
export const conformanceComposer: EventComposer = {
  kindOf(type) {
    if (type === 'unknown') return null;
    const readsHistory = type === 'call.ended';
    if (type.startsWith('transcript.')) return { counter: 'transcript', readsHistory };
    if (type.startsWith('delivery.')) return { counter: 'none', readsHistory };
    return { counter: 'sequence', readsHistory };
  },
  compose({ draft, call, sequence, transcriptSequence, late, history }) {
    if (draft.data.refuse === true) return { ok: false, code: 'TEST_REFUSED', message: 'asked to' };
    const seen = [...history.events.map(({ type }) => type), ...history.facts.map(({ id }) => id)];
    return {
      ok: true,
      body: JSON.stringify({
        id: draft.id,
        sequence,
        transcriptSequence,
        late,
        state: call?.state ?? null,
        contact: call?.contact ?? null,
        seen,
      }),
    };
  },
  reaches: ({ type }) => !type.startsWith('transcript.') && !type.startsWith('delivery.'),
  jobsFor: ({ draft, call }) =>
    draft.type === 'call.ended'
      ? [{ id: `job_end_${call.id}`, kind: 'crm_write', target: 'crm', body: { call: call.id } }]
      : [],
};
