import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Routes that misbehave together. */
export type RouteGroup = 'lookup' | 'writes' | 'webhooks';

/**
 * How a group answers. What is processed: `ok`, `slow`, `held`, `garbage`, `huge` and `swallow` do what was
 * asked and only the answer is strange; the others do nothing.
 *
 * - `slow`: after `ms`
 * - `held`: once `until` is settled
 * - `status`: that status, with `headers` (`Retry-After`)
 * - `garbage`: 200 with something that is no JSON
 * - `huge`: 200 with 10 MB
 * - `hang`: never
 * - `swallow`: never either, as when the connection breaks behind the request
 * - `trickle`: 200, then a byte every `ms` (50), without an end
 * - `vanish`: the socket is closed instead
 * - `redirect`: 302 to `location` (a path of this server that records the visit)
 */
export type Behaviour = (
  | { mode: 'ok' }
  | { mode: 'slow'; ms: number }
  | { mode: 'held'; until: Promise<unknown> }
  | { mode: 'status'; status: number; headers?: Record<string, string> }
  | { mode: 'garbage' }
  | { mode: 'huge' }
  | { mode: 'hang' }
  | { mode: 'swallow' }
  | { mode: 'trickle'; ms?: number }
  | { mode: 'vanish' }
  | { mode: 'redirect'; location?: string }
) & {
  /** For so many requests, then `ok` again (Default: until it is changed) */
  times?: number;
};

export interface Answer {
  status: number;
  body: unknown;
}

export const REDIRECT_TARGET = '/redirected';
const HUGE_BYTES = 10 * 1024 * 1024;

/** Answers one request as `behaviour` says; `process` does what was asked and gives the right answer. */
export async function answerAs(
  behaviour: Behaviour,
  response: ServerResponse,
  process: () => Answer,
  stopped: AbortSignal,
): Promise<void> {
  switch (behaviour.mode) {
    case 'ok':
      return sendJson(response, process());
    case 'slow': {
      await sleep(behaviour.ms, undefined, { signal: stopped }).catch(() => {});
      if (stopped.aborted || response.destroyed) return;
      return sendJson(response, process());
    }
    case 'held': {
      const gone = new Promise((resolve) => stopped.addEventListener('abort', resolve));
      await Promise.race([behaviour.until, gone]);
      if (stopped.aborted || response.destroyed) return;
      return sendJson(response, process());
    }
    case 'status': {
      response.writeHead(behaviour.status, {
        'Content-Type': 'application/json',
        ...behaviour.headers,
      });
      response.end(JSON.stringify({ error: 'told to fail' }));
      return;
    }
    case 'garbage': {
      const { status } = process();
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end('<!doctype html><title>{"results": [');
      return;
    }
    case 'huge': {
      const { status } = process();
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(Buffer.alloc(HUGE_BYTES, 'x'));
      return;
    }
    case 'trickle': {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      while (!stopped.aborted && !response.destroyed) {
        response.write(' ');
        await sleep(behaviour.ms ?? 50, undefined, { signal: stopped }).catch(() => {});
      }
      return;
    }
    case 'redirect': {
      response.writeHead(302, { Location: behaviour.location ?? REDIRECT_TARGET });
      response.end();
      return;
    }
    case 'vanish':
      response.socket?.destroy();
      return;
    case 'swallow':
      process();
      return;
    case 'hang':
      return;
  }
}

export function sendJson(response: ServerResponse, { status, body }: Answer): void {
  if (response.destroyed) return;
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** The raw bytes, or `null` where they are more than `limit` or break off. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) return null;
      chunks.push(chunk);
    }
  } catch {
    return null;
  }
  return Buffer.concat(chunks);
}
