import { z } from 'zod';
import { LIVEKIT_WEBHOOK_PATH } from '../../telephony/webhook_address.ts';
import type { ApiApp } from '../api_app.ts';
import { ApiError } from '../api_error.ts';
import type { ApiOptions } from '../api_options.ts';
import { ErrorAnswer } from '../wire.ts';

/** A wrong secret in LiveKit's settings would otherwise fill the log with one line a call. */
const COMPLAIN_EVERY_MS = 60_000;

/**
 * Takes LiveKit's webhooks. In a context of its own: here a body is the text that was signed, and of
 * a type that nothing else here has.
 */
export function livekitWebhookRoutes(app: ApiApp, { livekitWebhooks, log }: ApiOptions): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>(
    'application/webhook+json',
    { parseAs: 'string' },
    (_request, body, done) => done(null, body),
  );

  let complainedAt = Number.NEGATIVE_INFINITY;
  const complain = () => {
    if (performance.now() - complainedAt < COMPLAIN_EVERY_MS) return;
    complainedAt = performance.now();
    log.warn(
      'a webhook to /livekit/webhook is not signed with LIVEKIT_API_KEY and LIVEKIT_API_SECRET: ' +
        'choose that key in the settings of LiveKit’s webhooks',
    );
  };

  app.post(
    LIVEKIT_WEBHOOK_PATH,
    {
      config: { access: 'signed' },
      schema: {
        operationId: 'takeLivekitWebhook',
        summary: 'For LiveKit: its webhooks of rooms and participants',
        description:
          'Enter this URL in LiveKit, with the key in LIVEKIT_API_KEY. From them is known that a ' +
          'caller has no agent. A webhook that comes twice is taken once.\n\n' +
          'Needs the signature of LiveKit: a token in `Authorization`, signed with ' +
          'LIVEKIT_API_SECRET, that holds the hash of the body.',
        tags: ['Operations'],
        consumes: ['application/webhook+json'],
        body: z.string().describe('JSON, as LiveKit has signed it.'),
        response: { 200: z.object({ received: z.literal(true) }), default: ErrorAnswer },
      },
      // Before the body is read: whoever signs at all sends this header.
      onRequest: (request, _reply, done) => {
        if (request.headers.authorization !== undefined) return done();
        complain();
        return done(unsigned());
      },
    },
    async (request) => {
      const read = await livekitWebhooks.read(request.body, request.headers.authorization);
      if (read.kind === 'unsigned') {
        complain();
        throw unsigned();
      }
      if (read.kind === 'unreadable') {
        throw new ApiError('invalid_request', 'This is signed, but no webhook of LiveKit.');
      }
      // Told, not waited for: LiveKit sends what a room has next only behind this answer.
      livekitWebhooks.take(read.notice);
      return { received: true as const };
    },
  );
}

function unsigned(): ApiError {
  return new ApiError('unauthorized', 'This is not signed by LiveKit with our key, or too old.');
}
