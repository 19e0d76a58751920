import { contactIn } from '../contact_in.ts';
import type { JsonObject } from '../loose.ts';
import * as loose from '../loose.ts';
import { type Call, either } from './fields.ts';

/*
 * What of a body counts as missing, for whoever made it: the simplified shape is written by hand, and a
 * field that is never read would not be missed until somebody needs it.
 */

/** Withheld numbers are none, and no mistake. */
const PHONES: ReadonlySet<string> = new Set(['from', 'to', 'from_number', 'to_number']);

/** What holds fields of its own; read, it is an object in any case. */
const PARTS = ['call', 'contact'] as const;

/** The fields that something stands in which cannot be what their names say. */
export function unread(body: JsonObject, call: Call): string[] {
  const { call: _, contact: __, ...fields } = call;
  const inside = PARTS.flatMap((part) => {
    const given = body[part];
    if (!loose.isObject(given)) return isEmpty(given) ? [] : [part];
    return unreadIn(given, call[part]).map((name) => `${part}.${name}`);
  });
  return [...providerIn(body), ...unreadIn(body, fields), ...inside, ...metadataIn(call)];
}

/** Whose body it is has been decided by then: by a word alone. */
function providerIn({ provider }: JsonObject): string[] {
  return isEmpty(provider) || typeof provider === 'string' ? [] : ['provider'];
}

/** Metadata is the sender's own, but for the two ids that we read in it. */
function metadataIn(call: Call): string[] {
  const { contactId, agentId } = either(call, 'metadata') ?? {};
  return [
    ...(isEmpty(contactId) || contactIn({ contactId }) !== undefined ? [] : ['metadata.contactId']),
    ...(isEmpty(agentId) || loose.text.parse(agentId) !== undefined ? [] : ['metadata.agentId']),
  ];
}

function unreadIn(given: JsonObject, read: Record<string, unknown>): string[] {
  return Object.entries(read).flatMap(([name, value]) => {
    if (value !== undefined || isEmpty(given[name])) return [];
    return PHONES.has(name) && loose.isWithheld(given[name]) ? [] : [name];
  });
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}
