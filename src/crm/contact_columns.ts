import { CallwireError } from '../errors.ts';
import type { ContactInput } from '../store/store.ts';

type KnownField = Exclude<keyof ContactInput, 'fields'>;

/** What exports call the fields, best name first, in small letters and digits only. */
const ALIASES: Record<KnownField, readonly string[]> = {
  phone: [
    'phone',
    'phonenumber',
    'mobile',
    'mobilephone',
    'mobilenumber',
    'cell',
    'cellphone',
    'telephone',
    'telephonenumber',
    'tel',
    'primaryphone',
    'businessphone',
    'workphone',
    'homephone',
    'phone1value',
    'number',
  ],
  name: ['name', 'fullname', 'contactname', 'customername', 'displayname', 'contact'],
  email: ['email', 'emailaddress', 'mail', 'primaryemail', 'email1value'],
  accountStatus: ['accountstatus', 'customerstatus', 'status'],
  lastInteraction: [
    'lastinteraction',
    'lastinteractiondate',
    'lastcontact',
    'lastcontactdate',
    'lastcontacted',
    'lastactivitydate',
  ],
  preferredLanguage: ['preferredlanguage', 'language', 'lang'],
};

const FIRST_NAME = ['firstname', 'givenname', 'forename'];
const LAST_NAME = ['lastname', 'familyname', 'surname'];

/** Whether a column of that name holds phone numbers. */
export function isPhoneColumn(name: string): boolean {
  return ALIASES.phone.includes(columnKey(name));
}

/** What is left of a column's name when case, spaces and punctuation do not count. */
export function columnKey(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** One row, its phone as it was written. */
export type ContactRow = ContactInput;

/**
 * Learns from the line of column names how to read a row. Names are compared without case, spaces
 * and punctuation; where several columns could be a field, the first that is filled wins. First
 * and last name make up the name where there is none. Columns that are no field of ours, and other
 * candidates for one, are kept under their own names.
 * Throws `CONTACTS_NO_PHONE_COLUMN`.
 */
export function readColumns(names: readonly string[]): (cells: readonly string[]) => ContactRow {
  const titles = names.map((name, index) => name.trim() || `column ${index + 1}`);
  const keys = names.map(columnKey);
  const columnsOf = (aliases: readonly string[]) =>
    aliases.flatMap((alias) => keys.flatMap((key, index) => (key === alias ? [index] : [])));
  const candidates = {
    phone: columnsOf(ALIASES.phone),
    name: columnsOf(ALIASES.name),
    email: columnsOf(ALIASES.email),
    accountStatus: columnsOf(ALIASES.accountStatus),
    lastInteraction: columnsOf(ALIASES.lastInteraction),
    preferredLanguage: columnsOf(ALIASES.preferredLanguage),
  } satisfies Record<KnownField, number[]>;
  const nameParts = [columnsOf(FIRST_NAME), columnsOf(LAST_NAME)];
  if (candidates.phone.length === 0) throw noPhoneColumn(titles);

  return (cells) => {
    const taken = new Set<number>();
    const take = (columns: readonly number[]): string | null => {
      const column = columns.find((index) => cells[index]);
      if (column === undefined) return null;
      taken.add(column);
      return cells[column] ?? null;
    };
    const row = {
      phone: take(candidates.phone) ?? '',
      name: take(candidates.name) ?? (nameParts.map(take).filter(Boolean).join(' ') || null),
      email: take(candidates.email),
      accountStatus: take(candidates.accountStatus),
      lastInteraction: take(candidates.lastInteraction),
      preferredLanguage: take(candidates.preferredLanguage),
    };
    const rest = titles.flatMap((title, index) => {
      const cell = cells[index];
      return cell && !taken.has(index) ? [[title, cell] as const] : [];
    });
    return { ...row, fields: Object.fromEntries(rest) };
  };
}

function noPhoneColumn(titles: readonly string[]): CallwireError {
  // A file without a line of column names would show a person's data here: names only.
  const looksLikeData = titles.some((title) => /\d{5}|@/.test(title));
  const found = looksLikeData
    ? 'The first line must name the columns.'
    : `Found: ${titles.join(', ')}.`;
  return new CallwireError('CONTACTS_NO_PHONE_COLUMN', `There is no column "phone". ${found}`, {
    remedy: 'Name the column with the phone numbers "phone" in the first line.',
  });
}
