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
    if (/^(delivery|endpoint|webhook)\./.test(type)) return { counter: 'none', readsHistory };
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
      data: { direction: call?.direction ?? null, ...draft.data },
    };
  },
  audienceOf({ type, data }) {
    const about = data.endpoint_id === undefined ? null : String(data.endpoint_id);
    if (type === 'webhook.test') return { kind: 'endpoint', id: about ?? '' };
    return { kind: 'subscribers', star: !type.startsWith('transcript.'), except: about };
  },
  redact: ({ id, sequence }) => JSON.stringify({ id, sequence, redacted: true }),
  /** An event for each report (`data.ended`: the last one), and the agent that the last one tells of. */
  follow: ({ call, facts }) => ({
    call: { ...call, agentId: String(facts.at(-1)?.data.agent ?? call.agentId) },
    events: facts.map(({ id, time, data: { refuse, ended } }) => ({
      id: `evt_${id}`,
      type: ended === true ? 'call.ended' : 'call.answered',
      time,
      data: { reports: facts.length, refuse },
    })),
    jobs: [],
  }),
  jobsFor: ({ draft, call }) =>
    draft.type === 'call.ended'
      ? [{ id: `job_end_${call.id}`, kind: 'crm_write', target: 'crm', body: { call: call.id } }]
      : [],
};
