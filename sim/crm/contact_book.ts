import { z } from 'zod';
import type { Answer } from './behaviour.ts';

/** As the http CRM API gives it; whatever else a contact has is kept. */
export interface SimContact {
  id: string;
  name: string | null;
  phone: string | null;
  email?: string | null;
  accountStatus?: string | null;
  lastInteraction?: string | null;
  preferredLanguage?: string | null;
  [field: string]: unknown;
}

/** One accepted write. */
export interface SimWrite {
  operation: 'note' | 'activity' | 'unknown_caller';
  /** `null` for an unknown caller. */
  contactId: string | null;
  body: Record<string, unknown>;
  idempotencyKey: string | null;
  /** Milliseconds since the epoch. */
  at: number;
}

const searchBody = z.union([
  z.object({ filter: z.object({ phone: z.string().min(1) }) }),
  z.object({ query: z.string().min(1) }),
]);
const noteBody = z.looseObject({ text: z.string().min(1), source: z.string() });
const activityBody = z.looseObject({ type: z.string().min(1) });
const unknownCallerBody = z.looseObject({
  type: z.string().min(1),
  phone: z.string().nullable(),
  summary: z.string().nullable(),
});

/** The CRM proper: contacts, and what was written about them, each `Idempotency-Key` once. */
export class ContactBook {
  readonly contacts: SimContact[];
  readonly writes: SimWrite[] = [];
  /** Writes that came again with a key already seen, and were answered without being done. */
  repeated = 0;
  readonly #answers = new Map<string, Answer>();

  constructor(contacts: readonly SimContact[]) {
    this.contacts = [...contacts];
  }

  search(json: unknown): Answer {
    const body = searchBody.safeParse(json);
    if (!body.success) return invalid;
    const wanted = body.data;
    const results = this.contacts.filter((contact) =>
      'filter' in wanted
        ? contact.phone !== null && digits(contact.phone) === digits(wanted.filter.phone)
        : mentions(contact, wanted.query),
    );
    return { status: 200, body: { results } };
  }

  addNote(contactId: string, json: unknown, key: string | null): Answer {
    return this.#write('note', contactId, noteBody.safeParse(json), key);
  }

  addActivity(contactId: string, json: unknown, key: string | null): Answer {
    return this.#write('activity', contactId, activityBody.safeParse(json), key);
  }

  addUnknownCaller(json: unknown, key: string | null): Answer {
    return this.#write('unknown_caller', null, unknownCallerBody.safeParse(json), key);
  }

  #write(
    operation: SimWrite['operation'],
    contactId: string | null,
    body: z.ZodSafeParseResult<Record<string, unknown>>,
    idempotencyKey: string | null,
  ): Answer {
    const before = idempotencyKey === null ? undefined : this.#answers.get(idempotencyKey);
    if (before) {
      this.repeated += 1;
      return before;
    }
    if (!body.success) return invalid;
    if (contactId !== null && !this.contacts.some(({ id }) => id === contactId)) return notFound;
    this.writes.push({ operation, contactId, body: body.data, idempotencyKey, at: Date.now() });
    const answer = { status: 201, body: { id: `write-${this.writes.length}`, contactId } };
    if (idempotencyKey !== null) this.#answers.set(idempotencyKey, answer);
    return answer;
  }
}

const invalid: Answer = { status: 400, body: { error: 'invalid_request' } };
export const notFound: Answer = { status: 404, body: { error: 'not_found' } };

function digits(phone: string): string {
  return phone.replace(/\D/g, '');
}

function mentions(contact: SimContact, query: string): boolean {
  const wanted = query.toLowerCase();
  return [contact.id, contact.name, contact.email, contact.phone].some((value) =>
    value?.toLowerCase().includes(wanted),
  );
}
