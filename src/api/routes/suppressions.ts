import { z } from 'zod';
import { toE164 } from '../../config/phone_number.ts';
import { newId } from '../../ids.ts';
import type { SuppressionRecord } from '../../store/suppression_store.ts';
import type { ApiApp } from '../api_app.ts';
import { invalidField, notFound } from '../api_error.ts';
import type { ApiOptions } from '../api_options.ts';
import { e164 } from '../e164.ts';
import { NextCursor, pageQuery, readPage } from '../page.ts';
import { ErrorAnswer, IdParams, isoTime, lines, NoContent, Time } from '../wire.ts';

const Phone = z.string().max(64).describe('With its country code; stored as E.164.');

const Suppression = z
  .object({
    id: z.string(),
    phone: z.string(),
    source: z
      .enum(['api', 'import', 'outcome'])
      .describe('`outcome`: a call ended with `DNC`, `NOT_OWNER` or `WRONG_NUMBER`.'),
    reason: z.string().nullable(),
    callId: z.string().nullable().describe('The call that it came of.'),
    createdAt: Time,
  })
  .meta({ id: 'Suppression' });
const SuppressionAnswer = z.object({ suppression: Suppression });

/** The numbers that are never called. */
export function suppressionRoutes(app: ApiApp, { store }: ApiOptions): void {
  const tags = ['Suppressions'];
  const params = IdParams.extend({
    id: IdParams.shape.id.describe('The id, or the phone number with its country code.'),
  });

  app.post(
    '/suppressions',
    {
      config: { access: 'calls:write' },
      schema: {
        operationId: 'createSuppression',
        summary: 'Never call a number again',
        description:
          'From now on: calls that wait are not dialled either. 201 for a new number, 200 for one that was on the list, which stays as it was.',
        tags,
        body: z
          .object({
            phone: Phone.nullish(),
            phoneNumber: Phone.nullish().describe('The same as `phone`.'),
            reason: lines(1_000).trim().nullish().describe('For people.'),
          })
          .refine(({ phone, phoneNumber }) => Boolean(phone || phoneNumber), {
            path: ['phone'],
            error: 'is needed',
          }),
        response: { 200: SuppressionAnswer, 201: SuppressionAnswer, default: ErrorAnswer },
      },
    },
    async ({ body }, reply) => {
      const now = Date.now();
      const phone = e164('phone', body.phone || body.phoneNumber || '');
      if (body.phoneNumber && e164('phoneNumber', body.phoneNumber) !== phone) {
        throw invalidField('phoneNumber', 'is another than phone: send one of them');
      }
      const { suppression, created } = await store.addSuppression({
        id: newId('sup', now),
        phone,
        source: 'api',
        reason: body.reason || null,
        callId: null,
        createdAt: now,
      });
      return reply.code(created ? 201 : 200).send({ suppression: shown(suppression) });
    },
  );

  app.get(
    '/suppressions',
    {
      config: { access: 'calls:read' },
      schema: {
        operationId: 'listSuppressions',
        summary: 'List the numbers that are never called, newest first',
        tags,
        querystring: pageQuery({
          phone: Phone.optional().describe('Only this number, where it is on the list.'),
        }),
        response: {
          200: z.object({ suppressions: z.array(Suppression), nextCursor: NextCursor }),
          default: ErrorAnswer,
        },
      },
    },
    async ({ query }) => {
      if (query.phone !== undefined) {
        const listed = await store.getSuppression(e164('phone', query.phone));
        return { suppressions: listed ? [shown(listed)] : [], nextCursor: null };
      }
      const { items, nextCursor } = await readPage(query, (page) => store.listSuppressions(page));
      return { suppressions: items.map(shown), nextCursor };
    },
  );

  app.get(
    '/suppressions/:id',
    {
      config: { access: 'calls:read' },
      schema: {
        operationId: 'getSuppression',
        summary: 'Show whether a number is never called, and why',
        tags,
        params,
        response: { 200: SuppressionAnswer, default: ErrorAnswer },
      },
    },
    async ({ params: { id } }) => {
      const listed = await store.getSuppression(idOrPhone(id));
      if (!listed) throw notFound('suppression');
      return { suppression: shown(listed) };
    },
  );

  app.delete(
    '/suppressions/:id',
    {
      config: { access: 'calls:write' },
      schema: {
        operationId: 'deleteSuppression',
        summary: 'Let a number be called again',
        tags,
        params,
        response: { 204: NoContent, default: ErrorAnswer },
      },
    },
    async ({ params: { id } }, reply) => {
      if (!(await store.deleteSuppression(idOrPhone(id)))) throw notFound('suppression');
      return reply.code(204).send(null);
    },
  );
}

/** The number may be written in any way. */
function idOrPhone(text: string): string {
  return text.startsWith('sup_') ? text : (toE164(text) ?? text);
}

function shown({ createdAt, ...suppression }: SuppressionRecord): z.infer<typeof Suppression> {
  return { ...suppression, createdAt: isoTime(createdAt) };
}
