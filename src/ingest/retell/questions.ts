import { z } from 'zod';
import type { JsonObject } from '../loose.ts';
import * as loose from '../loose.ts';
import type { Reading } from '../platform.ts';
import type { RetellCall } from './call.ts';

const Inbound = z.object({
  from_number: loose.phone,
  to_number: loose.phone,
});

/**
 * Who calls, before Retell's agent answers. It is answered with variables for the agent's prompt; the
 * agent stays the one that the number has.
 */
export function inboundCall(asked: JsonObject): Reading {
  const { from_number, to_number } = Inbound.parse(asked);
  return {
    kind: 'question',
    callId: null,
    question: {
      kind: 'beginning',
      caller: from_number ?? null,
      called: to_number ?? null,
      answer: ({ contactId, variables }) => ({
        call_inbound: {
          dynamic_variables: variables,
          ...(contactId !== null && { metadata: { contactId } }),
        },
      }),
    },
  };
}

const Called = z.object({ name: loose.text, args: loose.anyObject });

/** A function that the model has called; Retell gives the answer to it as it comes. */
export function customFunction(body: JsonObject, call: RetellCall): Reading {
  const { name = '', args = {} } = Called.parse(body);
  const { from_number = null, to_number = null } = call;
  const [caller, called] =
    call.direction === 'outbound' ? [to_number, from_number] : [from_number, to_number];
  return {
    kind: 'question',
    callId: call.call_id ?? null,
    question: {
      kind: 'functions',
      caller,
      called,
      calls: [{ id: null, name, arguments: args }],
      answer: ([result]) => result ?? {},
    },
  };
}
