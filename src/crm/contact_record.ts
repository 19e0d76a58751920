import { z } from 'zod';
import type { Contact } from './crm.ts';

/** Longest value of a field that Callwire names itself, in UTF-16 units. */
const MAX_KNOWN_LENGTH = 500;
/** Largest other field, name and value as JSON. */
const MAX_FIELD_BYTES = 4_000;
/** A contact as JSON: it is kept as a fact of the call, and an append is refused at 64 KB. */
const MAX_CONTACT_BYTES = 32_000;
/** Deeper values are dropped: what a CRM nests for real is far above this. */
const MAX_DEPTH = 6;

const knownFields = {
  name: ['name'],
  phone: ['phone'],
  email: ['email'],
  accountStatus: ['accountStatus', 'account_status'],
  lastInteraction: ['lastInteraction', 'last_interaction'],
  preferredLanguage: ['preferredLanguage', 'preferred_language'],
} as const;

/** Keys that would change the object instead of adding to it, here or in whoever copies it. */
const DANGEROUS_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

const recordSchema = z
  .looseObject({ id: z.union([z.string().trim().min(1).max(200), z.number()]) })
  .transform((record) => ({ record, id: storable(String(record.id)) }));

/**
 * Reads one record of a CRM's answer, or of the built-in one. Fields that Callwire knows become
 * text or `null` (snake_case read too); every other field is kept under its own name as long as it
 * is small enough. `null` where it is no contact at all: no object, or no id.
 */
export function readContact(value: unknown): Contact | null {
  const parsed = recordSchema.safeParse(value);
  if (!parsed.success) return null;
  const { record, id } = parsed.data;
  const contact: Contact = {
    id,
    name: text(record, knownFields.name),
    phone: text(record, knownFields.phone),
    email: text(record, knownFields.email),
    accountStatus: text(record, knownFields.accountStatus),
    lastInteraction: text(record, knownFields.lastInteraction),
    preferredLanguage: text(record, knownFields.preferredLanguage),
  };
  let left = MAX_CONTACT_BYTES - jsonBytes(contact);
  for (const [key, field] of Object.entries(record)) {
    if (Object.hasOwn(contact, key) || DANGEROUS_KEYS.has(key)) continue;
    const kept = bounded(field, MAX_DEPTH);
    if (kept === undefined) continue;
    const bytes = jsonBytes(key) + jsonBytes(kept);
    if (bytes > MAX_FIELD_BYTES || bytes > left) continue;
    left -= bytes;
    contact[storable(key)] = kept;
  }
  return contact;
}

function text(record: Record<string, unknown>, names: readonly string[]): string | null {
  for (const name of names) {
    const value = record[name];
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    if (typeof value !== 'string') continue;
    const clean = storable(value.trim().slice(0, MAX_KNOWN_LENGTH));
    if (clean !== '') return clean;
  }
  return null;
}

/** The value with storable texts, or `undefined` where it is nested too deep. */
function bounded(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return storable(value);
  if (value === null || typeof value !== 'object') return value;
  if (depth === 0) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => bounded(item, depth - 1));
    return items.includes(undefined) ? undefined : items;
  }
  const fields: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    if (DANGEROUS_KEYS.has(key)) continue;
    const kept = bounded(field, depth - 1);
    if (kept === undefined) return undefined;
    fields[storable(key)] = kept;
  }
  return fields;
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Without what no database takes: NUL (Postgres refuses it) and halves of surrogate pairs. */
function storable(value: string): string {
  return value.replaceAll('\0', '').toWellFormed();
}
