/** The built-in CRM. */
export interface ContactStore {
  findContacts(query: { phone?: string; text?: string; limit: number }): Promise<StoredContact[]>;
  getContact(id: string): Promise<StoredContact | null>;
  /** Inserts, or updates the one with the same phone. */
  importContacts(contacts: readonly ContactInput[]): Promise<{ created: number; updated: number }>;
  /** Newest first; `before` is the id of the last one of the page before. */
  listContacts(query: {
    limit: number;
    before?: string;
    phone?: string;
    text?: string;
  }): Promise<StoredContact[]>;
  /** As `importContacts` does with one, and gives it back as it is now. */
  saveContact(contact: ContactInput): Promise<{ contact: StoredContact; created: boolean }>;
  /**
   * `null` empties a text. `fields` are merged, an empty one is taken away. Nothing is changed when
   * another contact has the phone.
   */
  updateContact(
    id: string,
    patch: Partial<ContactInput>,
  ): Promise<StoredContact | 'unknown' | 'phone_taken'>;
  /** Its notes and activities go with it. */
  deleteContact(id: string): Promise<boolean>;
  /**
   * Writes a note or an activity once per `id`; where `contactId` is null, or the id of another CRM, and no
   * contact has the phone, a contact is made. Returns the contact's id.
   */
  addContactEntry(entry: ContactEntry): Promise<{ contactId: string }>;
  listContactEntries(contactId: string): Promise<ContactEntry[]>;
}

export interface ContactInput {
  phone: string;
  name: string | null;
  email: string | null;
  accountStatus: string | null;
  lastInteraction: string | null;
  preferredLanguage: string | null;
  /** Whatever else the import had, by column. */
  fields: Record<string, string>;
}

/** What the contact's completed calls were, those that never reached anybody left out. */
export interface ContactCalls {
  callCount: number;
  /** Milliseconds: when the last one was answered, or ended without an answer. */
  lastCallAt: number | null;
  /** Seconds; 0 for a call that nobody answered. */
  lastCallDuration: number | null;
  lastOutcome: string | null;
}

export interface StoredContact extends ContactInput, ContactCalls {
  id: string;
  createdAt: number;
}

export interface ContactEntry {
  id: string;
  contactId: string | null;
  phone: string | null;
  kind: 'note' | 'activity';
  time: number;
  data: Record<string, unknown>;
}
