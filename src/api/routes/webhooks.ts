import { z } from 'zod';
import { isCallwireError } from '../../errors.ts';
import { newId } from '../../ids.ts';
import { DEFAULT_ENDPOINT_ID } from '../../store/default_endpoint.ts';
import type { EndpointRecord } from '../../store/endpoint_store.ts';
import type { ApiApp } from '../api_app.ts';
import { ApiError, invalidField, notFound } from '../api_error.ts';
import type { ApiOptions } from '../api_options.ts';
import { NextCursor, pageQuery, readPage } from '../page.ts';
import { refusingRedacted } from '../redacted_replay.ts';
import { newSigningSecret } from '../signing_secret.ts';
import { ErrorAnswer, IdParams, isoTime, NoContent, Time, text } from '../wire.ts';

/** How long both secrets sign after a rotation: a deployment of the receiver, and a night. */
const OVERLAP_MS = 24 * 3_600_000;

const FAMILIES = ['standard', 'timestamped'] as const;

const Signatures = z
  .array(z.enum(FAMILIES))
  .min(1)
  .transform((families) => [...new Set(families)])
  .describe(
    'How deliveries are signed: `standard` (webhook-id, webhook-timestamp, webhook-signature), `timestamped` (X-Webhook-Signature, -Timestamp, -Delivery-Id).',
  );
const Ordered = z
  .boolean()
  .describe(
    'The events of one call strictly by `sequence`: one that fails holds up those behind it until it is given up.',
  );
const Url = z
  .string()
  .max(2_000)
  .describe('`https`, public; the operator may allow networks (ALLOW_NETWORKS).');

const NewWebhook = z.object({
  name: text(200),
  url: Url,
  ordered: Ordered.default(false),
  signatures: Signatures.default([...FAMILIES]),
});

const WebhookPatch = z.object({
  name: text(200).optional(),
  url: Url.optional(),
  ordered: Ordered.optional(),
  signatures: Signatures.optional(),
  status: z
    .enum(['active', 'paused'])
    .optional()
    .describe('`paused`: deliveries wait. `active` also ends a `disabled`.'),
});

export const Webhook = z
  .object({
    id: z.string(),
    name: z.string(),
    url: z.string(),
    ordered: z.boolean(),
    signatures: z.array(z.enum(FAMILIES)),
    status: z
      .enum(['active', 'paused', 'disabled'])
      .describe('`disabled` by Callwire: see `disabledReason`. What it was to get waits.'),
    disabledReason: z
      .enum(['gone', 'failing'])
      .nullable()
      .describe('It answered 410, or has only failed for ENDPOINT_DISABLE_AFTER.'),
    failingSince: Time.nullable(),
    lastSuccessAt: Time.nullable(),
    previousSecretUntil: Time.nullable().describe('Until when the secret before signs as well.'),
    createdAt: Time,
  })
  .meta({ id: 'Webhook' });

const SigningSecret = z
  .string()
  .describe('`whsec_` and base64 of 32 bytes. Shown here only, never again.');
const WebhookAnswer = z.object({ webhook: Webhook });
const WithSecret = z.object({ webhook: Webhook, signingSecret: SigningSecret });

/** Endpoints: where events go. Which events is said by triggers. */
export function webhookRoutes(app: ApiApp, { store, secrets, checkUrl }: ApiOptions): void {
  const config = { access: 'webhooks' } as const;
  const tags = ['Webhooks'];

  app.post(
    '/webhooks',
    {
      config,
      schema: {
        operationId: 'createWebhook',
        summary: 'Make an endpoint',
        description:
          'It gets nothing yet: make automation triggers for the events that it is to receive.',
        tags,
        body: NewWebhook,
        response: { 201: WithSecret, default: ErrorAnswer },
      },
    },
    async ({ body }, reply) => {
      checkAddress(body.url, checkUrl);
      const signingSecret = newSigningSecret();
      const now = Date.now();
      const endpoint: EndpointRecord = {
        id: newId('whe', now),
        ...body,
        status: 'active',
        disabledReason: null,
        secret: secrets.seal(signingSecret),
        previousSecret: null,
        previousUntil: null,
        failingSince: null,
        lastSuccessAt: null,
        createdAt: now,
      };
      await store.createEndpoint(endpoint);
      return reply.code(201).send({ webhook: shown(endpoint), signingSecret });
    },
  );

  app.get(
    '/webhooks',
    {
      config,
      schema: {
        operationId: 'listWebhooks',
        summary: 'List endpoints, newest first',
        description:
          'The endpoint of WEBHOOK_URL (`whe_default`) is not among them: it is changed by its settings. Its deliveries are listed, and can be replayed.',
        tags,
        querystring: pageQuery({}),
        response: {
          200: z.object({ webhooks: z.array(Webhook), nextCursor: NextCursor }),
          default: ErrorAnswer,
        },
      },
    },
    async ({ query }) => {
      const { items, nextCursor } = await readPage(query, (page) => store.listEndpoints(page));
      return { webhooks: items.map(shown), nextCursor };
    },
  );

  app.get(
    '/webhooks/:id',
    {
      config,
      schema: {
        operationId: 'getWebhook',
        summary: 'Show an endpoint',
        tags,
        params: IdParams,
        response: { 200: WebhookAnswer, default: ErrorAnswer },
      },
    },
    async ({ params }) => ({
      webhook: shown(found(await store.getEndpoint(params.id), params.id)),
    }),
  );

  app.patch(
    '/webhooks/:id',
    {
      config,
      schema: {
        operationId: 'updateWebhook',
        summary: 'Change, pause or enable an endpoint',
        description:
          'What waits is sent to the new URL, too. After a pause or a disabling everything that waited goes out.',
        tags,
        params: IdParams,
        body: WebhookPatch,
        response: { 200: WebhookAnswer, default: ErrorAnswer },
      },
    },
    async ({ params, body }) => {
      if (body.url !== undefined) checkAddress(body.url, checkUrl);
      const patch = withoutUndefined(body);
      const endpoint = found(await store.updateEndpoint(params.id, patch), params.id);
      return { webhook: shown(endpoint) };
    },
  );

  app.delete(
    '/webhooks/:id',
    {
      config,
      schema: {
        operationId: 'deleteWebhook',
        summary: 'Delete an endpoint',
        description: 'Its triggers go with it, and what still waits for it is not sent any more.',
        tags,
        params: IdParams,
        response: { 204: NoContent, default: ErrorAnswer },
      },
    },
    async ({ params }, reply) => {
      if (!(await store.deleteEndpoint(params.id))) throw noWebhook(params.id);
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/webhooks/:id/rotate-secret',
    {
      config,
      schema: {
        operationId: 'rotateWebhookSecret',
        summary: 'Make a new secret',
        description:
          'For 24 hours both secrets sign: `webhook-signature` holds a signature of each, the other headers alternate after a refusal.',
        tags,
        params: IdParams,
        response: { 200: WithSecret, default: ErrorAnswer },
      },
    },
    async ({ params }) => {
      const signingSecret = newSigningSecret();
      const endpoint = await store.rotateEndpointSecret(params.id, {
        secret: secrets.seal(signingSecret),
        previousUntil: Date.now() + OVERLAP_MS,
      });
      return { webhook: shown(found(endpoint, params.id)), signingSecret };
    },
  );

  app.post(
    '/webhooks/:id/test',
    {
      config,
      schema: {
        operationId: 'testWebhook',
        summary: 'Send a test event',
        description:
          'A `webhook.test` that only this endpoint gets, signed and retried like any other. How it went: `GET /v1/deliveries/{deliveryId}`. 409 where the endpoint is paused or disabled.',
        tags,
        params: IdParams,
        response: { 202: z.object({ deliveryId: z.string() }), default: ErrorAnswer },
      },
    },
    async ({ params }, reply) => {
      const { status } = found(await store.getEndpoint(params.id), params.id);
      if (status !== 'active') throw notActive(status);
      const deliveryId = await store.testEndpoint(params.id);
      if (deliveryId === null) throw noWebhook(params.id);
      return reply.code(202).send({ deliveryId });
    },
  );

  app.post(
    '/webhooks/:id/replay',
    {
      config,
      schema: {
        operationId: 'replayWebhook',
        summary: 'Send events again',
        description:
          'New deliveries of what this endpoint (`whe_default` too) was sent before, or could not be sent: the same events with the same ids. At most 10,000 at a time; asked again, it goes on, and nothing that is still on its way is sent twice.',
        tags,
        params: IdParams,
        body: z
          .object({
            since: Time.nullish().describe('Only deliveries made since then, ISO 8601.'),
            callId: z.string().min(1).max(100).nullish().describe('Only of this call.'),
            onlyFailed: z.boolean().nullish().describe('Only what was given up.'),
          })
          .nullish(),
        response: { 202: z.object({ deliveryIds: z.array(z.string()) }), default: ErrorAnswer },
      },
    },
    async ({ params, body }, reply) => {
      if (params.id !== DEFAULT_ENDPOINT_ID) found(await store.getEndpoint(params.id), params.id);
      const deliveryIds = await refusingRedacted(
        store.replayDeliveries({
          endpointId: params.id,
          ...(body?.since && { since: Date.parse(body.since) }),
          ...(body?.callId && { callId: body.callId }),
          ...(body?.onlyFailed && { onlyFailed: true }),
        }),
      );
      return reply.code(202).send({ deliveryIds });
    },
  );
}

function found(endpoint: EndpointRecord | null, id: string): EndpointRecord {
  if (!endpoint) throw noWebhook(id);
  return endpoint;
}

/** The default endpoint's id stands in deliveries, with a path too, so people look for it here. */
function noWebhook(id: string): ApiError {
  if (id.split(':', 1)[0] !== DEFAULT_ENDPOINT_ID) return notFound('webhook');
  return new ApiError(
    'not_found',
    'whe_default is not made by the API: it is what WEBHOOK_URL and WEBHOOK_SECRET say (without them the http CRM’s), and changes with these settings. What was sent to it: GET /v1/deliveries?endpointId=whe_default.',
  );
}

function notActive(status: 'paused' | 'disabled'): ApiError {
  return new ApiError(
    'webhook_not_active',
    `This endpoint is ${status}: a test would wait. Set it active first: PATCH /v1/webhooks/{id} {"status": "active"}.`,
    { details: { status } },
  );
}

function checkAddress(address: string, checkUrl: (url: URL) => void): void {
  const url = URL.parse(address);
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw invalidField('url', 'must be a whole URL beginning with https://');
  }
  if (url.username || url.password) {
    throw invalidField('url', 'must not hold a user name or password: URLs appear in logs');
  }
  if (url.hash) throw invalidField('url', 'must not hold a #: it is never sent');
  try {
    checkUrl(url);
  } catch (error) {
    if (isCallwireError(error)) {
      throw invalidField('url', [error.message, error.remedy].filter(Boolean).join(' '));
    }
    throw error;
  }
}

function shown(endpoint: EndpointRecord): z.infer<typeof Webhook> {
  const { previousUntil } = endpoint;
  const overlaps = previousUntil !== null && previousUntil > Date.now();
  return {
    id: endpoint.id,
    name: endpoint.name,
    url: endpoint.url,
    ordered: endpoint.ordered,
    signatures: [...endpoint.signatures],
    status: endpoint.status,
    disabledReason: endpoint.disabledReason,
    failingSince: isoTime(endpoint.failingSince),
    lastSuccessAt: isoTime(endpoint.lastSuccessAt),
    previousSecretUntil: overlaps ? isoTime(previousUntil) : null,
    createdAt: isoTime(endpoint.createdAt),
  };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(patch: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(patch).filter(([, value]) => value !== undefined),
  ) as Defined<T>;
}
