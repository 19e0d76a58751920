import { z } from 'zod';
import type { CALL_NAMES, CallRule } from '../config/call_rules.ts';
import { holds } from '../config/condition/condition.ts';
import { durationSeconds } from '../events/derived_data.ts';
import type { CallRecord, FactDraft, StoredEvent } from '../store/store.ts';
import type { CallRequest } from './call_acceptance.ts';
import type { CallChain } from './call_chain.ts';
import { type AfterCall, nextCall } from './next_call.ts';

/**
 * The calls that the `rules` of a profile make of a completed one, by what is known of it now.
 *
 * No agent is called with twice in a chain: a rule whose agent a rule has called with before, however
 * many calls ago, makes none. So a chain ends, whatever the rules of all profiles say: it is at most as
 * long as there are agents.
 */
export function ruleRequests(
  call: CallRecord,
  given: AfterCall & {
    rules: readonly CallRule[];
    chain: CallChain;
    /** What conditions may name. */
    known: Readonly<Record<string, unknown>>;
  },
): CallRequest[] {
  const { rules, chain, known, ...after } = given;
  // What was called with before its beginning was removed nobody knows.
  if (!chain.whole) return [];
  const made = [call, ...chain.before].filter(({ outbound }) => outbound?.madeByRule);
  const calledWith = new Set(made.map(({ agentId }) => agentId));
  const requests = new Map<string, CallRequest>();
  for (const { when, condition, callWith, knownConsent } of rules) {
    if (calledWith.has(callWith) || !holds(condition, known)) continue;
    const request = nextCall(call, after, {
      // What the rule says, not where it stands: profiles are edited.
      seed: `call with ${callWith} when ${when}`,
      agentId: callWith,
      scheduledFor: null,
      madeByRule: true,
      knownConsent,
    });
    if (request?.callId) requests.set(request.callId, request);
  }
  return [...requests.values()];
}

/** What is known after a call: the contact as the CRM gave it, the call, what was read from it. */
export function knownAfter(
  call: CallRecord,
  facts: readonly FactDraft[],
  events: readonly StoredEvent[],
): Record<string, unknown> {
  const contexts = facts.filter(({ kind }) => kind === 'context');
  const contact = contexts
    .map(({ data }) => Context.safeParse(data).data?.contact)
    .findLast((one) => one != null);
  const completed = events.findLast(({ type }) => type === 'call.completed');
  const body = completed && Completed.safeParse(JSON.parse(completed.body)).data;
  const { id, direction, from, to, agentId, endReason, metadata, outcome } = call;
  const about: Record<(typeof CALL_NAMES)[number], unknown> = {
    id,
    direction,
    from,
    to,
    agentId,
    answered: call.answeredAt !== null,
    durationSeconds: durationSeconds(call),
    endReason,
    metadata,
  };
  return {
    contact: { ...contact, ...present(call.contact) },
    call: about,
    extraction: body?.data.extraction ?? {},
    outcome,
  };
}

const Fields = z.record(z.string(), z.unknown());
const Context = z.object({ contact: Fields.nullable() });
const Completed = z.object({ data: z.object({ extraction: Fields.nullable() }) });

function present(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
