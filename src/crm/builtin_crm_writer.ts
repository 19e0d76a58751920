import { isCallwireError } from '../errors.ts';
import type { ContactEntry, ContactStore } from '../store/store.ts';
import type { CrmWrite, CrmWriteResult, CrmWriter } from './crm.ts';
import { untilAborted } from './until_aborted.ts';

const noContact: CrmWriteResult = {
  ok: false,
  retryable: false,
  code: 'no_contact',
  status: null,
};

/** Writes into Callwire's own database; an unknown caller becomes a contact there. */
export class BuiltinCrmWriter implements CrmWriter {
  readonly name = 'builtin';
  /** The store keeps an entry once per id. */
  readonly deduplicates = true;
  readonly #store: Pick<ContactStore, 'addContactEntry'>;

  constructor(store: Pick<ContactStore, 'addContactEntry'>) {
    this.#store = store;
  }

  async write(write: CrmWrite, signal: AbortSignal): Promise<CrmWriteResult> {
    if (write.contactId === null && write.phone === null) return noContact;
    try {
      const { contactId } = await untilAborted(this.#store.addContactEntry(toEntry(write)), signal);
      return { ok: true, contactId };
    } catch (error) {
      if (signal.aborted) return { ok: false, retryable: true, code: 'timeout', status: null };
      if (isCallwireError(error) && error.code === 'CONTACT_UNKNOWN') return noContact;
      // Whatever else it is, a full disk or a mistake of ours: a note is worth the next tries.
      return { ok: false, retryable: true, code: 'store', status: null };
    }
  }
}

function toEntry(write: CrmWrite): ContactEntry {
  return {
    id: write.id,
    contactId: write.contactId,
    phone: write.phone,
    kind: write.operation,
    time: Date.now(),
    data:
      write.operation === 'note' ? { text: write.text, source: 'ai-agent' } : { ...write.activity },
  };
}
