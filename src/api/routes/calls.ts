import { z } from 'zod';
import type { ApiApp } from '../api_app.ts';
import { ApiError, notFound } from '../api_error.ts';
import type { ApiOptions } from '../api_options.ts';
import { e164 } from '../e164.ts';
import { NextCursor, pageQuery, readPage } from '../page.ts';
import { readCall } from '../read_call.ts';
import { ShownCall } from '../shown_call.ts';
import { ShownEvent, shownEvent } from '../shown_event.ts';
import { ErrorAnswer, IdParams, NoContent, Time, text } from '../wire.ts';

/** What there is to read of calls. */
export function callRoutes(app: ApiApp, options: ApiOptions): void {
  const { store, recordings } = options;
  const config = { access: 'calls:read' } as const;
  const tags = ['Calls'];

  app.get(
    '/calls',
    {
      config,
      schema: {
        operationId: 'listCalls',
        summary: 'List calls, newest first',
        tags,
        querystring: pageQuery({
          phoneNumber: text(64)
            .optional()
            .describe('Only calls that were placed to this number, with country code.'),
          since: Time.optional().describe('Only calls that were made at this time or later.'),
        }),
        response: {
          200: z.object({ calls: z.array(ShownCall), nextCursor: NextCursor }),
          default: ErrorAnswer,
        },
      },
    },
    async ({ query }) => {
      const { phoneNumber, since } = query;
      const filters = {
        ...(phoneNumber !== undefined && { dialledTo: e164('phoneNumber', phoneNumber) }),
        ...(since !== undefined && { since: Date.parse(since) }),
      };
      const { items, nextCursor } = await readPage(query, (page) =>
        store.listCalls({ ...page, ...filters }),
      );
      const calls = await Promise.all(
        items.map(async (item) => {
          // A hundred calls with 400 KB each would be an answer of 40 MB.
          const { variables: _, ...call } = await readCall(options, item);
          return call;
        }),
      );
      return { calls, nextCursor };
    },
  );

  app.get(
    '/calls/:id',
    {
      config,
      schema: {
        operationId: 'getCall',
        summary: 'Show a call',
        description: 'Also while it goes on; the transcript grows with each finished utterance.',
        tags,
        params: IdParams,
        response: { 200: z.object({ call: ShownCall }), default: ErrorAnswer },
      },
    },
    async ({ params }) => {
      const call = await store.getCall(params.id);
      if (!call) throw notFound('call');
      return { call: await readCall(options, call) };
    },
  );

  app.get(
    '/calls/:id/events',
    {
      config,
      schema: {
        operationId: 'listCallEvents',
        summary: 'Every event of a call, in order',
        description:
          'All of them on one page: every `sequence` without a gap, and the transcript’s events between them.',
        tags,
        params: IdParams,
        response: {
          200: z.object({ events: z.array(ShownEvent), nextCursor: NextCursor }),
          default: ErrorAnswer,
        },
      },
    },
    async ({ params }) => {
      const [call, events] = await Promise.all([
        store.getCall(params.id),
        store.listCallEvents(params.id),
      ]);
      if (!call) throw notFound('call');
      return { events: events.map(shownEvent), nextCursor: null };
    },
  );

  app.delete(
    '/calls/:id/content',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'deleteCallContent',
        summary: 'Delete what a call holds of people',
        description:
          'For good: numbers, contact, metadata, transcript, recording, the bodies of its events. Their ids, types, sequences and times stay. What still waits to be delivered is not sent any more, and a replay is answered with 410 `redacted`. Only for a call that has ended (409 `call_not_ended`): one that waits or goes on is ended first, `POST /v1/calls/{id}/end`.',
        tags,
        params: IdParams,
        response: { 204: NoContent, default: ErrorAnswer },
      },
    },
    async ({ params }, reply) => {
      if (!(await store.redactCall(params.id))) {
        const call = await store.getCall(params.id);
        if (!call) throw notFound('call');
        const remedy =
          call.providerCallId === null
            ? 'End it first (POST /v1/calls/{id}/end).'
            : 'Its platform ends it.';
        throw new ApiError('call_not_ended', `The call has not ended. ${remedy}`);
      }
      // Its URL answers 410 from here on; bytes that cannot be deleted now are tried again.
      await recordings.deleter.deleteNow(params.id);
      return reply.code(204).send(null);
    },
  );
}
