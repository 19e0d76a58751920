import type { ApiApp } from './api_app.ts';
import { ApiError } from './api_error.ts';
import { isDeeperThan, MAX_JSON_DEPTH } from './json_depth.ts';

/** The largest body, bytes: far more than any of ours, and nothing that memory would notice. */
export const MAX_BODY_BYTES = 256 * 1024;

/** Of the one route that takes more: a call with all the variables it may have. */
export const MAX_CALL_BODY_BYTES = 4 * MAX_BODY_BYTES;

/**
 * JSON and nothing else (415). An empty body counts as none: many clients send the header with
 * every request. `__proto__` is dropped like any unknown key.
 */
export function installJsonBody(app: ApiApp): void {
  const parse = app.getDefaultJsonParser('remove', 'remove');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string' },
    (request, body, done) => {
      if (body.trim() === '') done(null, undefined);
      else if (isDeeperThan(body, MAX_JSON_DEPTH)) {
        done(
          new ApiError('invalid_request', `The body is more than ${MAX_JSON_DEPTH} levels deep.`),
        );
      } else parse(request, body, done);
    },
  );
}
