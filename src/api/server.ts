import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyBaseLogger, LogController } from 'fastify';
import {
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import '../config/plain_messages.ts';
import { CallwireError } from '../errors.ts';
import { installAccess } from './access.ts';
import { watchAllowedMethods } from './allowed_methods.ts';
import type { ApiApp } from './api_app.ts';
import { ApiError } from './api_error.ts';
import type { ApiOptions } from './api_options.ts';
import { answerClientError, answerError, installErrorAnswers } from './error_answers.ts';
import { installJsonBody, MAX_BODY_BYTES } from './json_body.ts';
import { installRequestMetrics } from './metrics.ts';
import { installOpenapi } from './openapi.ts';
import { installRateLimit } from './rate_limit.ts';
import { agentRoutes } from './routes/agents.ts';
import { analyticsRoutes } from './routes/analytics.ts';
import { automationTriggerRoutes } from './routes/automation_triggers.ts';
import { callRequestRoutes } from './routes/call_requests.ts';
import { callRoutes } from './routes/calls.ts';
import { contactRoutes } from './routes/contacts.ts';
import { deliveryRoutes } from './routes/deliveries.ts';
import { documentationRoutes } from './routes/documentation.ts';
import { eventRoutes } from './routes/events.ts';
import { ingestRoutes } from './routes/ingest.ts';
import { livekitWebhookRoutes } from './routes/livekit_webhook.ts';
import { operationRoutes } from './routes/operations.ts';
import { recordingRoutes } from './routes/recordings.ts';
import { suppressionRoutes } from './routes/suppressions.ts';
import { webhookRoutes } from './routes/webhooks.ts';

/** For a request to arrive, body and all. */
const REQUEST_LIMIT_MS = 30_000;
/** For its answer; no handler waits for anything but the store. */
const HANDLER_LIMIT_MS = 20_000;
/** Longer than the usual 60 s of load balancers, which must be the ones to hang up. */
const KEEP_ALIVE_MS = 72_000;
/** What requests under way get when the API closes. */
const CLOSE_LIMIT_MS = 5_000;

export interface RunningApi {
  /** Where it listens. */
  url: string;
  /** Takes no more connections, lets requests under way end for up to 5 s, and resolves. */
  close(): Promise<void>;
}

/**
 * Starts the HTTP API.
 *
 * @throws `API_PORT_TAKEN`, `API_CANNOT_LISTEN`
 */
export async function startApi(
  options: ApiOptions & { host: string; port: number },
): Promise<RunningApi> {
  const app = await buildApi(options);
  const { host, port } = options;
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw cannotListen(error, host, port);
  }
  const { port: taken } = app.server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    close: async () => {
      const hurry = setTimeout(() => app.server.closeAllConnections(), CLOSE_LIMIT_MS);
      await app.close().finally(() => clearTimeout(hurry));
    },
  };
}

/** The API without a socket: for tests, and for whoever writes its description down. */
export async function buildApi(options: ApiOptions): Promise<ApiApp> {
  const app: ApiApp = fastify({
    loggerInstance: options.log as FastifyBaseLogger,
    // A URL may hold a phone number; what is worth a line is logged by route.
    logController: new LogController({ disableRequestLogging: true }),
    // A child for each request, with its redacted bindings, took a fifth of all memory that a webhook
    // did; the few lines that there are name their request themselves.
    childLoggerFactory: (log) => log,
    genReqId: requestId,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_LIMIT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    frameworkErrors: answerError,
    clientErrorHandler: answerClientError,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);

  installErrorAnswers(app);
  limitHandlers(app);
  installJsonBody(app);
  installRequestMetrics(app, options.metrics);
  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers({ 'x-request-id': request.id, 'cache-control': 'no-store' });
    done();
  });
  installAccess(app, { keys: options.store, apiKey: options.apiKey });
  await installRateLimit(app, options);
  await installOpenapi(app, { publicUrl: options.publicUrl });

  const completeMethods = watchAllowedMethods(app);
  await app.register(
    (v1, _, done) => {
      versionOne(v1, options);
      done();
    },
    { prefix: '/v1' },
  );
  await app.register(
    (alias, _, done) => {
      publicAlias(alias, options);
      done();
    },
    { prefix: '/api/v1/public' },
  );
  await app.register((hooks, _, done) => {
    livekitWebhookRoutes(hooks, options);
    done();
  });
  await app.register((ingest, _, done) => {
    ingestRoutes(ingest, options);
    done();
  });
  operationRoutes(app, options);
  documentationRoutes(app);
  completeMethods();
  await app.ready();
  return app;
}

function versionOne(app: ApiApp, options: ApiOptions): void {
  callRoutes(app, options);
  callRequestRoutes(app, options);
  analyticsRoutes(app, options);
  recordingRoutes(app, options);
  eventRoutes(app, options);
  webhookRoutes(app, options);
  automationTriggerRoutes(app, options);
  deliveryRoutes(app, options);
  contactRoutes(app, options);
  suppressionRoutes(app, options);
  agentRoutes(app, options);
}

/** The same routes under the path that other platforms' clients know; described once only. */
function publicAlias(app: ApiApp, options: ApiOptions): void {
  if (options.publicApi) {
    app.addHook('onRoute', (route) => {
      route.schema = { ...route.schema, hide: true };
    });
    versionOne(app, options);
    return;
  }
  app.all('/*', { config: { access: 'public' }, schema: { hide: true } }, () => {
    throw new ApiError('public_api_disabled', 'This installation offers no public API.');
  });
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The handler waits for nothing without a deadline of its own. */
    keepsTime?: boolean;
  }
}

/**
 * Of each route but those that keep a time of their own: the limit costs a request 0.1 ms, most of it for the
 * error with which its signal is aborted at the end.
 */
function limitHandlers(app: ApiApp): void {
  app.addHook('onRoute', (route) => {
    if (!route.config?.keepsTime) route.handlerTimeout ??= HANDLER_LIMIT_MS;
  });
}

/** The client's, where it is fit for a log line. */
function requestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:/+=-]{1,128}$/.test(given) ? given : randomUUID();
}

function cannotListen(cause: unknown, host: string, port: number): CallwireError {
  if ((cause as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    return new CallwireError('API_PORT_TAKEN', `Port ${port} of ${host} is taken.`, {
      remedy: 'Set PORT to another one (0 = any free one), or SERVER=off to leave the API out.',
      cause,
    });
  }
  return new CallwireError('API_CANNOT_LISTEN', `The API cannot listen on ${host}:${port}.`, {
    remedy: 'Set HOST to an address of this machine (127.0.0.1, 0.0.0.0) and PORT above 1023.',
    cause,
  });
}
