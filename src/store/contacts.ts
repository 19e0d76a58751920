import {
  type Expression,
  type Insertable,
  type Kysely,
  type Selectable,
  sql,
  type Transaction,
} from 'kysely';
import { CallwireError } from '../errors.ts';
import { newId } from '../ids.ts';
import type {
  ContactCalls,
  ContactEntry,
  ContactInput,
  ContactStore,
  StoredContact,
} from './contact_store.ts';
import { prepared } from './prepared.ts';
import type { ContactEntryTable, ContactTable, Tables } from './schema.ts';

/** By phone (exact, E.164) or by any part of name, e-mail or phone; both given, both must fit. */
export async function findContacts(
  db: Kysely<Tables>,
  query: { phone?: string; text?: string; limit: number },
): Promise<StoredContact[]> {
  const rows = await matching(db, query).orderBy('id').limit(query.limit).execute();
  return rows.map(contactFromRow);
}

/** As `findContacts`, in pages, newest first. */
export async function listContacts(
  db: Kysely<Tables>,
  query: Parameters<ContactStore['listContacts']>[0],
): Promise<StoredContact[]> {
  let select = matching(db, query).orderBy('id', 'desc').limit(query.limit);
  if (query.before !== undefined) select = select.where('id', '<', query.before);
  return (await select.execute()).map(contactFromRow);
}

function matching(db: Kysely<Tables>, query: { phone?: string; text?: string }) {
  let select = db.selectFrom('contacts').selectAll();
  if (query.phone !== undefined) select = select.where('phone', '=', query.phone);
  if (query.text === undefined) return select;
  const pattern = `%${query.text.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`;
  const contains = (column: Expression<string | null>) =>
    sql<boolean>`lower(${column}) like ${pattern} escape '\\'`;
  select = select.where(({ or, ref }) =>
    or([contains(ref('name')), contains(ref('email')), contains(ref('phone'))]),
  );
  return select;
}

export async function getContact(db: Kysely<Tables>, id: string): Promise<StoredContact | null> {
  const [row] = (await contactById(db, { id })).rows;
  return row === undefined ? null : contactFromRow(row);
}

const contactById = prepared((db, { id }: { id: string }) =>
  db.selectFrom('contacts').selectAll().where('id', '=', id),
);

/** What the import leaves out (`null`, a missing field) stays as it is. */
export async function importContacts(
  trx: Transaction<Tables>,
  contacts: readonly ContactInput[],
  now: number,
): Promise<{ created: number; updated: number }> {
  let created = 0;
  for (const contact of contacts) {
    if ((await saveContact(trx, contact, now)).created) created += 1;
  }
  return { created, updated: contacts.length - created };
}

export async function saveContact(
  trx: Transaction<Tables>,
  contact: ContactInput,
  now: number,
): Promise<{ contact: StoredContact; created: boolean }> {
  const known = await contactByPhone(trx, contact.phone);
  if (known === null) {
    const id = await insertContact(trx, contact, now);
    return { contact: { ...contact, ...NO_CALLS, id, createdAt: now }, created: true };
  }
  const next: StoredContact = {
    ...known,
    name: contact.name ?? known.name,
    email: contact.email ?? known.email,
    accountStatus: contact.accountStatus ?? known.accountStatus,
    lastInteraction: contact.lastInteraction ?? known.lastInteraction,
    preferredLanguage: contact.preferredLanguage ?? known.preferredLanguage,
    fields: { ...known.fields, ...contact.fields },
  };
  await writeContact(trx, next);
  return { contact: next, created: false };
}

export async function updateContact(
  trx: Transaction<Tables>,
  id: string,
  patch: Partial<ContactInput>,
): Promise<StoredContact | 'unknown' | 'phone_taken'> {
  const known = await getContact(trx, id);
  if (known === null) return 'unknown';
  if (patch.phone !== undefined && patch.phone !== known.phone) {
    if ((await contactByPhone(trx, patch.phone)) !== null) return 'phone_taken';
  }
  const fields = Object.entries({ ...known.fields, ...patch.fields });
  const next: StoredContact = {
    ...known,
    ...patch,
    fields: Object.fromEntries(fields.filter(([, value]) => value !== '')),
  };
  await writeContact(trx, next);
  return next;
}

export async function deleteContact(trx: Transaction<Tables>, id: string): Promise<boolean> {
  await trx.deleteFrom('contact_entries').where('contact_id', '=', id).execute();
  const { numDeletedRows } = await trx
    .deleteFrom('contacts')
    .where('id', '=', id)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

async function writeContact(trx: Transaction<Tables>, contact: StoredContact): Promise<void> {
  await trx
    .updateTable('contacts')
    .set({
      phone: contact.phone,
      name: contact.name,
      email: contact.email,
      account_status: contact.accountStatus,
      last_interaction: contact.lastInteraction,
      preferred_language: contact.preferredLanguage,
      fields: JSON.stringify(contact.fields),
    })
    .where('id', '=', contact.id)
    .execute();
}

/**
 * @throws `CONTACT_UNKNOWN` for a contact that is not there any more, `CONTACT_PHONE_MISSING` when
 * neither contact nor phone says whose entry it is.
 */
export async function addContactEntry(
  trx: Transaction<Tables>,
  entry: ContactEntry,
  now: number,
): Promise<{ contactId: string }> {
  const [known] = (await entryById(trx, { id: entry.id })).rows;
  if (known !== undefined) return { contactId: known.contact_id };
  const contactId = await contactOf(trx, entry, now);
  await insertEntry(trx, {
    id: entry.id,
    contact_id: contactId,
    phone: entry.phone,
    kind: entry.kind,
    time: Math.round(entry.time),
    data: JSON.stringify(entry.data),
  });
  return { contactId };
}

const entryById = prepared((db, { id }: { id: string }) =>
  db.selectFrom('contact_entries').select('contact_id').where('id', '=', id),
);

const insertEntry = prepared((db, row: Insertable<ContactEntryTable>) =>
  db.insertInto('contact_entries').values(row),
);

/** Oldest first. */
export async function listContactEntries(
  db: Kysely<Tables>,
  contactId: string,
): Promise<ContactEntry[]> {
  const rows = await db
    .selectFrom('contact_entries')
    .selectAll()
    .where('contact_id', '=', contactId)
    .orderBy('position')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    contactId: row.contact_id,
    phone: row.phone,
    kind: row.kind,
    time: row.time,
    data: JSON.parse(row.data) as Record<string, unknown>,
  }));
}

async function contactOf(
  trx: Transaction<Tables>,
  entry: ContactEntry,
  now: number,
): Promise<string> {
  if (entry.contactId !== null) {
    if ((await getContact(trx, entry.contactId)) !== null) return entry.contactId;
    if (wasOurs(entry.contactId) || entry.phone === null) {
      throw new CallwireError('CONTACT_UNKNOWN', 'No contact has the id of this entry.');
    }
  }
  if (entry.phone === null) {
    throw new CallwireError('CONTACT_PHONE_MISSING', 'An entry needs a contact or a phone number.');
  }
  const known = await contactByPhone(trx, entry.phone);
  return known?.id ?? (await insertContact(trx, { ...NOBODY, phone: entry.phone }, now));
}

/**
 * Of an id that no contact has: whether one had it, which somebody has deleted. Any other is of another CRM,
 * as platforms report it, or one that was used here before, and says nothing: the number tells who it is.
 */
export function wasOurs(id: string): boolean {
  return id.startsWith('con_');
}

export async function contactByPhone(
  db: Kysely<Tables>,
  phone: string,
): Promise<StoredContact | null> {
  const [row] = (await contactWithPhone(db, { phone })).rows;
  return row === undefined ? null : contactFromRow(row);
}

/** There is one at the most. */
const contactWithPhone = prepared((db, { phone }: { phone: string }) =>
  db.selectFrom('contacts').selectAll().where('phone', '=', phone),
);

/** Somebody of whom only the number is known. */
export const NOBODY: Omit<ContactInput, 'phone'> = {
  name: null,
  email: null,
  accountStatus: null,
  lastInteraction: null,
  preferredLanguage: null,
  fields: {},
};

const NO_CALLS: ContactCalls = {
  callCount: 0,
  lastCallAt: null,
  lastCallDuration: null,
  lastOutcome: null,
};

export async function insertContact(
  trx: Transaction<Tables>,
  contact: ContactInput,
  now: number,
): Promise<string> {
  const id = newId('con', now);
  await trx
    .insertInto('contacts')
    .values({
      id,
      phone: contact.phone,
      name: contact.name,
      email: contact.email,
      account_status: contact.accountStatus,
      last_interaction: contact.lastInteraction,
      preferred_language: contact.preferredLanguage,
      fields: JSON.stringify(contact.fields),
      created_at: now,
    })
    .execute();
  return id;
}

function contactFromRow(row: Selectable<ContactTable>): StoredContact {
  return {
    id: row.id,
    phone: row.phone,
    name: row.name,
    email: row.email,
    accountStatus: row.account_status,
    lastInteraction: row.last_interaction,
    preferredLanguage: row.preferred_language,
    fields: JSON.parse(row.fields) as Record<string, string>,
    createdAt: row.created_at,
    callCount: row.call_count,
    lastCallAt: row.last_call_at,
    lastCallDuration: row.last_call_duration,
    lastOutcome: row.last_outcome,
  };
}
