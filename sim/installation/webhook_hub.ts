import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LIVEKIT_WEBHOOK_PATH } from '../../src/telephony/webhook_address.ts';

const RETRY_EVERY_MS = 200;
/** LiveKit itself tries for 15 s; a worker that a test restarts on a busy machine may take longer. */
const RETRY_FOR_MS = 60_000;
const ATTEMPT_LIMIT_MS = 5_000;

interface Webhook {
  body: Buffer;
  headers: { 'content-type': string; authorization: string };
  since: number;
}

/**
 * Stands where a local stack sends LiveKit's webhooks, and passes each on, as it came, to every
 * installation on that stack. Those share it, their workers' ports are known only when they listen, and
 * the stack wants one URL before anything else has started.
 */
export class WebhookHub {
  readonly #server: Server;
  readonly #routes = new Map<string, Route>();

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#take(request).then(
        () => response.end(),
        () => response.writeHead(400).end(),
      );
    });
  }

  static async start(): Promise<WebhookHub> {
    const hub = new WebhookHub();
    hub.#server.listen(0, '127.0.0.1');
    await once(hub.#server, 'listening');
    return hub;
  }

  /** For `routeWebhooks`, in whichever process. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** For the configuration of livekit-server. */
  get webhookUrl(): string {
    return `${this.url}${LIVEKIT_WEBHOOK_PATH}`;
  }

  async close(): Promise<void> {
    for (const route of this.#routes.values()) route.close();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage): Promise<void> {
    const body = Buffer.concat(await request.toArray());
    const [, name] = /^\/routes\/(.+)$/.exec(request.url ?? '') ?? [];
    if (name !== undefined) {
      this.#setRoute(decodeURIComponent(name), body.toString());
      return;
    }
    const { 'content-type': type = '', authorization = '' } = request.headers;
    const headers = { 'content-type': type, authorization };
    for (const route of this.#routes.values()) {
      route.pass({ body, headers, since: performance.now() });
    }
  }

  #setRoute(name: string, target: string): void {
    const known = this.#routes.get(name);
    if (target === '') {
      known?.close();
      this.#routes.delete(name);
    } else if (known) {
      known.target = target;
    } else {
      this.#routes.set(name, new Route(target));
    }
  }
}

/** Has webhooks passed to `target` from now on, or with `null` no more. */
export async function routeWebhooks(
  hub: string,
  name: string,
  target: string | null,
): Promise<void> {
  const url = `${hub}/routes/${encodeURIComponent(name)}`;
  await fetch(url, { method: 'PUT', body: target ?? '' });
}

/** The way to one installation: in order, and again while its worker is away. */
class Route {
  target: string;
  readonly #waiting: Webhook[] = [];
  readonly #closing = new AbortController();
  #passing = false;

  constructor(target: string) {
    this.target = target;
  }

  pass(webhook: Webhook): void {
    this.#waiting.push(webhook);
    if (!this.#passing) void this.#passAll();
  }

  close(): void {
    this.#closing.abort();
  }

  async #passAll(): Promise<void> {
    this.#passing = true;
    for (let next = this.#waiting[0]; next && !this.#closing.signal.aborted; ) {
      const isOver = (await this.#attempt(next)) || performance.now() - next.since > RETRY_FOR_MS;
      if (isOver) {
        this.#waiting.shift();
        next = this.#waiting[0];
      } else {
        await sleep(RETRY_EVERY_MS);
      }
    }
    this.#passing = false;
  }

  async #attempt({ body, headers }: Webhook): Promise<boolean> {
    const limit = AbortSignal.timeout(ATTEMPT_LIMIT_MS);
    const signal = AbortSignal.any([limit, this.#closing.signal]);
    try {
      const answer = await fetch(this.target, {
        method: 'POST',
        headers,
        body: new Uint8Array(body),
        signal,
      });
      await answer.body?.cancel();
      return answer.status < 500;
    } catch {
      return false;
    }
  }
}
