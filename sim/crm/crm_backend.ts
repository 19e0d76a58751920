import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type Answer,
  answerAs,
  type Behaviour,
  type RouteGroup,
  readBody,
  sendJson,
} from './behaviour.ts';
import { ContactBook, notFound, type SimContact, type SimWrite } from './contact_book.ts';
import { type ReceivedEvent, WebhookInbox } from './webhook_inbox.ts';

export interface CrmBackendOptions {
  contacts?: readonly SimContact[];
  /** `Authorization: Bearer` must say this on the CRM's routes (Default: nobody is asked) */
  apiKey?: string;
  /** Of the webhooks; several while they overlap (Default: signatures are not demanded) */
  secret?: string | readonly string[];
  /** (Default: any free one, the same after a restart) */
  port?: number;
  /** (Default: 127.0.0.1) */
  host?: string;
  /** What it takes the time to be when it judges signatures, milliseconds (Default: `Date.now`) */
  clock?: () => number;
  /** Told of every request when it has been answered or dropped. */
  onRequest?: (request: SeenRequest) => void;
}

export interface SeenRequest {
  method: string;
  path: string;
  group: RouteGroup | null;
  /** `null`: there was no answer. */
  status: number | null;
  at: number;
}

interface Route {
  group: RouteGroup;
  /** The CRM's own routes ask for the API key. */
  needsKey: boolean;
  answer: () => Answer;
}

/** More than any event or CRM write. */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * A user's backend: the CRM behind the `http` adapter, and the receiver of webhooks. A real HTTP
 * server that keeps what it got and misbehaves on demand, so that demo, tests and people at the
 * command line can watch Callwire from the outside.
 */
export class CrmBackend {
  readonly requests: SeenRequest[] = [];
  readonly #options: CrmBackendOptions;
  readonly #book: ContactBook;
  readonly #inbox: WebhookInbox;
  readonly #behaviours: Record<RouteGroup, Behaviour> = {
    lookup: { mode: 'ok' },
    writes: { mode: 'ok' },
    webhooks: { mode: 'ok' },
  };
  #secrets: readonly string[];
  #port: number;
  #server: Server | undefined;
  #stopped = new AbortController();

  constructor(options: CrmBackendOptions = {}) {
    this.#options = options;
    this.#book = new ContactBook(options.contacts ?? []);
    this.#inbox = new WebhookInbox(options.clock);
    this.#secrets = toList(options.secret);
    this.#port = options.port ?? 0;
  }

  /** Listens; after `stop()` on the same port again, with everything it knew. */
  async start(): Promise<{ url: string }> {
    if (this.#server) return { url: this.url };
    this.#stopped = new AbortController();
    const server = createServer((request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
    server.listen(this.#port, this.#options.host ?? '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    return { url: this.url };
  }

  /** Gone: open connections are closed, new ones refused. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    this.#stopped.abort();
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  get url(): string {
    return `http://${this.#options.host ?? '127.0.0.1'}:${this.#port}`;
  }

  get contacts(): SimContact[] {
    return this.#book.contacts;
  }

  /** Accepted writes, each `Idempotency-Key` once. */
  get writes(): readonly SimWrite[] {
    return this.#book.writes;
  }

  /** How many writes came again with a known `Idempotency-Key`. */
  get repeatedWrites(): number {
    return this.#book.repeated;
  }

  get received(): readonly ReceivedEvent[] {
    return this.#inbox.received;
  }

  get refused(): readonly ReceivedEvent[] {
    return this.#inbox.refused;
  }

  /** From now on; requests under way end as they began. */
  behave(group: RouteGroup, behaviour: Behaviour): void {
    this.#behaviours[group] = { ...behaviour };
  }

  setSecret(secret: string | readonly string[] | undefined): void {
    this.#secrets = toList(secret);
  }

  waitForEvent(
    predicate: (event: ReceivedEvent) => boolean,
    signal: AbortSignal,
  ): Promise<ReceivedEvent> {
    return this.#inbox.waitForEvent(predicate, signal);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://sim').pathname;
    const method = request.method ?? '';
    const body = await readBody(request, MAX_BODY_BYTES);
    const route = body === null ? null : this.#route(method, path, request, body);
    const seen: SeenRequest = {
      method,
      path,
      group: route?.group ?? null,
      status: null,
      at: Date.now(),
    };
    this.requests.push(seen);
    response.on('close', () => {
      seen.status = response.headersSent ? response.statusCode : null;
      this.#options.onRequest?.(seen);
    });
    if (body === null) return sendJson(response, { status: 413, body: { error: 'too_large' } });
    if (!route) return sendJson(response, notFound);
    const answer = () =>
      route.needsKey && !this.#hasKey(request)
        ? { status: 401, body: { error: 'unauthorized' } }
        : route.answer();
    await answerAs(this.#nextBehaviour(route.group), response, answer, this.#stopped.signal);
  }

  #route(method: string, path: string, request: IncomingMessage, body: Buffer): Route | null {
    if (method !== 'POST') return null;
    if (path === '/webhook' || /^\/webhooks\/[^/]+$/.test(path)) {
      const received = { path, headers: request.headers, body };
      const answer = () => this.#inbox.receive(received, this.#secrets);
      return { group: 'webhooks', needsKey: false, answer };
    }
    const json = parseJson(body);
    if (path === '/contacts/search') {
      return { group: 'lookup', needsKey: true, answer: () => this.#book.search(json) };
    }
    const header = request.headers['idempotency-key'];
    const key = typeof header === 'string' ? header : null;
    const writes = (answer: () => Answer): Route => ({ group: 'writes', needsKey: true, answer });
    if (path === '/activities') return writes(() => this.#book.addUnknownCaller(json, key));
    const [, id, kind] = /^\/contacts\/([^/]+)\/(notes|activities)$/.exec(path) ?? [];
    if (id === undefined) return null;
    const contactId = decodeURIComponent(id);
    return kind === 'notes'
      ? writes(() => this.#book.addNote(contactId, json, key))
      : writes(() => this.#book.addActivity(contactId, json, key));
  }

  #hasKey(request: IncomingMessage): boolean {
    const { apiKey } = this.#options;
    return apiKey === undefined || request.headers.authorization === `Bearer ${apiKey}`;
  }

  #nextBehaviour(group: RouteGroup): Behaviour {
    const behaviour = this.#behaviours[group];
    if (behaviour.times === undefined) return behaviour;
    if (behaviour.times <= 0) return { mode: 'ok' };
    behaviour.times -= 1;
    return behaviour;
  }
}

function toList(secret: string | readonly string[] | undefined): readonly string[] {
  if (secret === undefined) return [];
  return typeof secret === 'string' ? [secret] : secret;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
