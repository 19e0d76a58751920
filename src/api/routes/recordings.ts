import { basename, dirname } from 'node:path';
import send from '@fastify/send';
import { z } from 'zod';
import type { ApiApp } from '../api_app.ts';
import { ApiError, notFound } from '../api_error.ts';
import type { ApiOptions } from '../api_options.ts';
import { ErrorAnswer, IdParams } from '../wire.ts';

/** An hour of sound is 230 MB, and who fetches it may have a slow line. */
const DOWNLOAD_LIMIT_MS = 3_600_000;

const Sound = { 'audio/wav': { schema: z.string().meta({ format: 'binary' }) } };

/** The bytes of recordings that lie on our own disk; those in a bucket are fetched from there. */
export function recordingRoutes(app: ApiApp, { recordings }: ApiOptions): void {
  app.get(
    '/recordings/:id',
    {
      config: { access: 'signed' },
      handlerTimeout: DOWNLOAD_LIMIT_MS,
      schema: {
        operationId: 'getRecording',
        summary: 'Fetch the recording of a call',
        description:
          'The URL comes from `recordingUrl` of a call or `recording_url` of an event, good for 15 minutes, and is used as it is: whoever has it needs no key. `Range` is understood. A wrong signature, or one whose time is over, is answered with 403 `forbidden`: ask for the call again. A recording that was deleted is 410 `redacted`.',
        tags: ['Calls'],
        params: IdParams,
        querystring: z.object({
          expires: z.string().default('').describe('Seconds since the epoch.'),
          signature: z.string().max(200).default(''),
        }),
        response: {
          200: { description: 'WAV, the caller left, the agent right.', content: Sound },
          206: { description: 'The part that `Range` asks for.', content: Sound },
          default: ErrorAnswer,
        },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      if (!recordings.isGood(params.id, query.expires, query.signature)) {
        throw new ApiError('forbidden', 'This URL is not, or no longer, good: ask for the call.');
      }
      const found = await recordings.find(params.id);
      if (found.kind === 'none') throw notFound('recording');
      if (found.kind === 'deleted') throw new ApiError('redacted', 'The recording was deleted.');
      const name = basename(found.path);
      const root = dirname(found.path);
      const { statusCode, headers, stream, type } = await send(request.raw, `/${name}`, {
        root,
        // A reader that goes on where it was cut off: the file never changes.
        cacheControl: false,
      });
      if (statusCode === 416) {
        const [range = ''] = Object.entries(headers).flatMap(([key, value]) =>
          key.toLowerCase() === 'content-range' ? value : [],
        );
        throw new ApiError('range_not_satisfiable', 'The recording has no such part.', {
          headers: { 'content-range': range },
        });
      }
      if (type === 'error') throw notFound('recording');
      return reply
        .code(statusCode as 200)
        .headers({ ...headers, 'content-disposition': `inline; filename="${name}"` })
        .send(stream as unknown as string);
    },
  );
}
