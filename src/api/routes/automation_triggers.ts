import { z } from 'zod';
import { EVENTS } from '../../events/catalogue.ts';
import { newId } from '../../ids.ts';
import { DEFAULT_ENDPOINT_ID } from '../../store/default_endpoint.ts';
import type { TriggerRecord } from '../../store/endpoint_store.ts';
import type { ApiApp } from '../api_app.ts';
import { ApiError, notFound } from '../api_error.ts';
import type { ApiOptions } from '../api_options.ts';
import { NextCursor, pageQuery, readPage } from '../page.ts';
import { ErrorAnswer, IdParams, isoTime, NoContent, Time, text } from '../wire.ts';

/** A test goes to the endpoint that is tested, whatever its triggers say. */
const TYPES = Object.keys(EVENTS).filter((type) => type !== 'webhook.test');

const EventType = z
  .string()
  .max(100)
  .refine((type) => type === '*' || TYPES.includes(type), {
    error: 'must be * or a type of event, such as call.ended (docs/events.md lists them)',
  })
  .describe(
    `\`*\` (everything but transcripts) or one of ${TYPES.map((type) => `\`${type}\``).join(', ')}.`,
  );

/** Compared as text, so that `true` and `486` can be written as they are. */
const Value = z.union([z.string().max(1_000), z.number(), z.boolean()]).transform(String);
const MAX_CONDITIONS = 20;
const MAX_VALUES = 100;

const Conditions = z
  .record(z.string().max(100), z.union([Value, z.array(Value).min(1).max(MAX_VALUES)]))
  .refine((conditions) => Object.keys(conditions).length <= MAX_CONDITIONS, {
    error: `must not hold more than ${MAX_CONDITIONS} fields`,
  })
  .describe(
    'Field of the event’s `data` → the value or the values that it must have, compared as text; all fields must fit. Fields inside of others cannot be named. Example: `{"end_reason": ["busy", "no_answer"]}`.',
  );

const Trigger = z
  .object({
    id: z.string(),
    name: z.string(),
    eventType: z.string(),
    webhookEndpointId: z.string(),
    conditions: z.record(z.string(), z.array(z.string())).nullable(),
    createdAt: Time,
  })
  .meta({ id: 'AutomationTrigger' });
const TriggerAnswer = z.object({ trigger: Trigger });

/** Subscriptions: which events go to which endpoint. */
export function automationTriggerRoutes(app: ApiApp, { store }: ApiOptions): void {
  const config = { access: 'webhooks' } as const;
  const tags = ['Automation triggers'];

  app.post(
    '/automation-triggers',
    {
      config,
      schema: {
        operationId: 'createAutomationTrigger',
        summary: 'Send events of a type to an endpoint',
        description:
          'From the next event on. However many triggers of one endpoint fit, it gets an event once.',
        tags,
        body: z.object({
          name: text(200),
          eventType: EventType,
          webhookEndpointId: z.string().min(1).max(100),
          conditions: Conditions.nullish(),
        }),
        response: { 201: TriggerAnswer, default: ErrorAnswer },
      },
    },
    async ({ body }, reply) => {
      const now = Date.now();
      const conditions = Object.entries(body.conditions ?? {}).map(
        ([field, values]) => [field, [values].flat()] as const,
      );
      const trigger: TriggerRecord = {
        id: newId('trg', now),
        name: body.name,
        eventType: body.eventType,
        endpointId: body.webhookEndpointId,
        conditions: conditions.length > 0 ? Object.fromEntries(conditions) : null,
        createdAt: now,
      };
      if ((await store.createTrigger(trigger)) === 'no_endpoint') {
        throw new ApiError(
          'not_found',
          body.webhookEndpointId === DEFAULT_ENDPOINT_ID
            ? 'webhookEndpointId: whe_default needs no trigger, it gets everything but transcripts. For those make a webhook.'
            : 'webhookEndpointId: there is no such webhook.',
        );
      }
      return reply.code(201).send({ trigger: shown(trigger) });
    },
  );

  app.get(
    '/automation-triggers',
    {
      config,
      schema: {
        operationId: 'listAutomationTriggers',
        summary: 'List triggers, newest first',
        tags,
        querystring: pageQuery({
          webhookEndpointId: z.string().max(100).optional().describe('Only of this endpoint.'),
        }),
        response: {
          200: z.object({ triggers: z.array(Trigger), nextCursor: NextCursor }),
          default: ErrorAnswer,
        },
      },
    },
    async ({ query }) => {
      const { webhookEndpointId: endpointId } = query;
      const { items, nextCursor } = await readPage(query, (page) =>
        store.listTriggers({ ...page, ...(endpointId !== undefined && { endpointId }) }),
      );
      return { triggers: items.map(shown), nextCursor };
    },
  );

  app.get(
    '/automation-triggers/:id',
    {
      config,
      schema: {
        operationId: 'getAutomationTrigger',
        summary: 'Show a trigger',
        tags,
        params: IdParams,
        response: { 200: TriggerAnswer, default: ErrorAnswer },
      },
    },
    async ({ params }) => {
      const trigger = await store.getTrigger(params.id);
      if (!trigger) throw notFound('trigger');
      return { trigger: shown(trigger) };
    },
  );

  app.delete(
    '/automation-triggers/:id',
    {
      config,
      schema: {
        operationId: 'deleteAutomationTrigger',
        summary: 'Delete a trigger',
        description: 'What already waits for the endpoint is still sent.',
        tags,
        params: IdParams,
        response: { 204: NoContent, default: ErrorAnswer },
      },
    },
    async ({ params }, reply) => {
      if (!(await store.deleteTrigger(params.id))) throw notFound('trigger');
      return reply.code(204).send(null);
    },
  );
}

function shown(trigger: TriggerRecord): z.infer<typeof Trigger> {
  const conditions = Object.entries(trigger.conditions ?? {});
  return {
    id: trigger.id,
    name: trigger.name,
    eventType: trigger.eventType,
    webhookEndpointId: trigger.endpointId,
    conditions: trigger.conditions && Object.fromEntries(conditions.map(([k, v]) => [k, [...v]])),
    createdAt: isoTime(trigger.createdAt),
  };
}
