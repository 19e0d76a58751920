import type { JsonObject } from './loose.ts';

/** The contact of the CRM that somebody attached to the call at its platform. */
export function contactIn(metadata: JsonObject | undefined): string | undefined {
  for (const key of ['contactId', 'contact_id']) {
    const id = metadata?.[key];
    if (typeof id === 'string' && id.trim() !== '' && id.length <= 200) return id;
    if (typeof id === 'number') return String(id);
  }
  return undefined;
}
