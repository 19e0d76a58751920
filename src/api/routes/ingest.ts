import { z } from 'zod';
import { FAILED, UNAUTHORIZED } from '../../ingest/ingest.ts';
import { keyCheck } from '../access.ts';
import type { ApiApp } from '../api_app.ts';
import type { ApiOptions } from '../api_options.ts';

export const INGEST_PATH = '/api/calls/webhook';

/** A transcript with the time of every word is some megabytes; a recording inside of JSON is not taken. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/**
 * The door for the webhooks of other platforms. In a context of its own: here a body is the bytes that
 * were signed, errors are those of the contract with those platforms, and no key's limit counts, for a
 * webhook that is refused may never come again.
 */
export function ingestRoutes(
  app: ApiApp,
  { ingest, store, apiKey, metrics }: Pick<ApiOptions, 'ingest' | 'store' | 'apiKey' | 'metrics'>,
): void {
  const hasKey = keyCheck('ingest', { keys: store, apiKey });
  app.decorateRequest('hasIngestKey', false);

  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.setErrorHandler((error, request, reply) => {
    const { statusCode } = error as { statusCode?: number };
    if (statusCode === 413) {
      metrics.ingested({ platform: null, outcome: 'invalid' });
      const message = `The body is larger than ${MAX_BODY_BYTES} bytes`;
      return reply.code(413).send({ error: 'Invalid webhook payload', message });
    }
    if (statusCode !== undefined && statusCode < 500) {
      metrics.ingested({ platform: null, outcome: 'invalid' });
      const message = 'The request could not be read';
      return reply.code(400).send({ error: 'Invalid webhook payload', message });
    }
    metrics.ingested({ platform: null, outcome: 'failed' });
    request.log.error({ err: error, route: INGEST_PATH, reqId: request.id }, 'a webhook failed');
    return reply.code(500).send(FAILED);
  });

  app.post(
    INGEST_PATH,
    {
      config: { access: 'signed', keepsTime: true },
      bodyLimit: MAX_BODY_BYTES,
      schema: {
        operationId: 'ingestCall',
        summary: 'For other platforms: what they report of their calls, and ask during them',
        description:
          'Retell, Vapi, Bland, ElevenLabs, and a simplified shape for any other; docs/ingest.md has ' +
          'what to enter where. Answered when it is durable. In any order and as often as it comes, ' +
          'the same webhooks make the same call.\n\n' +
          'Needs a key with the scope `ingest`, or the signature of the platform.',
        tags: ['Other platforms'],
        response: { 200: z.unknown().describe('What the platform expects.') },
      },
      onRequest: async (request, reply) => {
        request.hasIngestKey = await hasKey(request.headers);
        if (request.hasIngestKey || ingest.mayBeSigned(request.headers)) return;
        metrics.ingested({ platform: null, outcome: 'unauthorized' });
        await reply.code(401 as 200).send(UNAUTHORIZED);
      },
    },
    async (request, reply) => {
      // Not the request's own signal: that one is given once the body has been read.
      const gone = () => {
        const controller = new AbortController();
        reply.raw.once('close', () => controller.abort());
        return controller.signal;
      };
      const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const answer = await ingest.take(
        { headers: request.headers, raw, hasKey: request.hasIngestKey },
        gone,
      );
      metrics.ingested(answer);
      return reply.code(answer.status as 200).send(answer.body);
    },
  );
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the door for other platforms alone. */
    hasIngestKey: boolean;
  }
}
