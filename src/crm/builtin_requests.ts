import { z } from 'zod';
import type { RequestHandlers } from '../ledger/host_session.ts';
import type { ContactStore, StoredContact } from '../store/store.ts';
import type { Contact } from './crm.ts';

export const FIND_BY_PHONE = 'crm.findByPhone';

const findByPhoneSchema = z.object({ phone: z.string().min(1).max(100) });

/** What the worker registers with the ledger's host, so that `BuiltinCrm` is answered. */
export function builtinCrmRequests(store: Pick<ContactStore, 'findContacts'>): RequestHandlers {
  return {
    [FIND_BY_PHONE]: async (params) => {
      const { phone } = findByPhoneSchema.parse(params);
      const [contact] = await store.findContacts({ phone, limit: 1 });
      return contact === undefined ? null : toContact(contact);
    },
  };
}

/**
 * The import's own columns stand beside Callwire's, which win where both have a name; what is known of
 * calls only where there was one, for another system may have counted before.
 */
function toContact(contact: StoredContact): Contact {
  const { fields, createdAt: _, callCount, lastCallAt, lastCallDuration, ...rest } = contact;
  const { lastOutcome, ...known } = rest;
  const lastCallDate = lastCallAt === null ? null : new Date(lastCallAt).toISOString();
  const calls = { callCount, lastCallDate, lastCallDuration, lastOutcome };
  return callCount > 0 ? { ...fields, ...known, ...calls } : { ...calls, ...fields, ...known };
}
