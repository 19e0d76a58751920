import { z } from 'zod';
import { OUTCOMES } from '../../events/vocabulary.ts';
import type { ContactInput, StoredContact } from '../../store/store.ts';
import type { ApiApp } from '../api_app.ts';
import { invalidField, notFound } from '../api_error.ts';
import type { ApiOptions } from '../api_options.ts';
import { e164 } from '../e164.ts';
import { NextCursor, pageQuery, readPage } from '../page.ts';
import { ErrorAnswer, IdParams, isoTime, line, lines, NoContent, Time, text } from '../wire.ts';

const MAX_FIELDS = 100;

const Phone = z.string().max(40).describe('With its country code; stored as E.164.');
const emptyIsNull = (value: string | null | undefined) => (value === '' ? null : value);
const Line = line(1_000).nullish().transform(emptyIsNull);
const Text = lines(1_000).nullish().transform(emptyIsNull);
const FieldValue = z
  .union([lines(4_000), z.number(), z.boolean()])
  .nullable()
  .transform((value) => (value === null ? '' : String(value)));
const Details = z.object({
  name: Line,
  email: Line,
  accountStatus: Text,
  lastInteraction: Text,
  preferredLanguage: Text,
  fields: z
    .record(text(100), FieldValue)
    .refine((fields) => Object.keys(fields).length <= MAX_FIELDS, {
      error: `must not hold more than ${MAX_FIELDS} fields`,
    })
    .nullish()
    .describe('Whatever else is known; templates read it as `contact.<field>`.'),
});

const Contact = z
  .object({
    id: z.string(),
    phone: z.string(),
    name: z.string().nullable(),
    email: z.string().nullable(),
    accountStatus: z.string().nullable(),
    lastInteraction: z.string().nullable(),
    preferredLanguage: z.string().nullable(),
    fields: z.record(z.string(), z.string()),
    callCount: z.number().describe('Completed calls in both directions, answered or not.'),
    lastCallDate: Time.nullable().describe('When the last one was answered, or ended without.'),
    lastCallDuration: z.number().nullable().describe('Seconds, 0 without an answer.'),
    lastOutcome: z.enum(OUTCOMES).nullable(),
    createdAt: Time,
  })
  .meta({ id: 'Contact' });
const ContactAnswer = z.object({ contact: Contact });

/** The contacts of the built-in CRM, which calls ask with `CRM_ADAPTER=builtin`. */
export function contactRoutes(app: ApiApp, { store }: ApiOptions): void {
  const tags = ['Contacts'];

  app.post(
    '/contacts',
    {
      config: { access: 'calls:write' },
      schema: {
        operationId: 'saveContact',
        summary: 'Add a contact, or update the one with this phone number',
        description:
          '201 for a new one, 200 for one that was there; what is left out or null stays as it is, `fields` are merged.',
        tags,
        body: Details.extend({ phone: Phone }),
        response: { 200: ContactAnswer, 201: ContactAnswer, default: ErrorAnswer },
      },
    },
    async ({ body }, reply) => {
      const { contact, created } = await store.saveContact({
        phone: e164('phone', body.phone),
        name: body.name ?? null,
        email: body.email ?? null,
        accountStatus: body.accountStatus ?? null,
        lastInteraction: body.lastInteraction ?? null,
        preferredLanguage: body.preferredLanguage ?? null,
        fields: body.fields ?? {},
      });
      return reply.code(created ? 201 : 200).send({ contact: shown(contact) });
    },
  );

  app.get(
    '/contacts',
    {
      config: { access: 'calls:read' },
      schema: {
        operationId: 'listContacts',
        summary: 'List contacts, newest first',
        tags,
        querystring: pageQuery({
          phone: Phone.optional().describe('Only the one with this number.'),
          query: z
            .string()
            .max(200)
            .optional()
            .describe('A part of name, e-mail address or phone number.'),
        }),
        response: {
          200: z.object({ contacts: z.array(Contact), nextCursor: NextCursor }),
          default: ErrorAnswer,
        },
      },
    },
    async ({ query }) => {
      const { phone, query: part } = query;
      const filters = {
        ...(phone !== undefined && { phone: e164('phone', phone) }),
        ...(part && { text: part }),
      };
      const { items, nextCursor } = await readPage(query, (page) =>
        store.listContacts({ ...page, ...filters }),
      );
      return { contacts: items.map(shown), nextCursor };
    },
  );

  app.get(
    '/contacts/:id',
    {
      config: { access: 'calls:read' },
      schema: {
        operationId: 'getContact',
        summary: 'Show a contact',
        tags,
        params: IdParams,
        response: { 200: ContactAnswer, default: ErrorAnswer },
      },
    },
    async ({ params }) => {
      const contact = await store.getContact(params.id);
      if (!contact) throw notFound('contact');
      return { contact: shown(contact) };
    },
  );

  app.patch(
    '/contacts/:id',
    {
      config: { access: 'calls:write' },
      schema: {
        operationId: 'updateContact',
        summary: 'Change a contact',
        description:
          'What is left out stays; null or "" empties it. `fields` are merged, "" or null takes one away.',
        tags,
        params: IdParams,
        body: Details.extend({ phone: Phone.optional() }),
        response: { 200: ContactAnswer, default: ErrorAnswer },
      },
    },
    async ({ params, body }) => {
      const { phone, fields, ...texts } = body;
      const patch: Partial<ContactInput> = {
        ...(phone !== undefined && { phone: e164('phone', phone) }),
        ...(fields && { fields }),
      };
      for (const [name, value] of Object.entries(texts)) {
        if (value !== undefined) patch[name as keyof typeof texts] = value;
      }
      const result = await store.updateContact(params.id, patch);
      if (result === 'unknown') throw notFound('contact');
      if (result === 'phone_taken') {
        throw invalidField('phone', 'is the number of another contact');
      }
      return { contact: shown(result) };
    },
  );

  app.delete(
    '/contacts/:id',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'deleteContact',
        summary: 'Delete a contact with its notes and activities',
        description:
          'For good. What calls hold of this person is deleted with `DELETE /v1/calls/{id}/content`.',
        tags,
        params: IdParams,
        response: { 204: NoContent, default: ErrorAnswer },
      },
    },
    async ({ params }, reply) => {
      if (!(await store.deleteContact(params.id))) throw notFound('contact');
      return reply.code(204).send(null);
    },
  );
}

function shown({ createdAt, lastCallAt, ...contact }: StoredContact): z.infer<typeof Contact> {
  return {
    ...contact,
    lastCallDate: isoTime(lastCallAt),
    lastOutcome: Outcome.safeParse(contact.lastOutcome).data ?? null,
    createdAt: isoTime(createdAt),
  };
}

const Outcome = z.enum(OUTCOMES);
