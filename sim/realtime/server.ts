import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import { ChatCompletions } from './chat_completions.ts';
import { espeakVoice } from './espeak_voice.ts';
import { type Fault, type FaultInput, parseFault } from './faults.ts';
import { ModelSession } from './model_session.ts';
import { parseScenario, type Scenario } from './scenario.ts';
import type { SessionLog } from './session_log.ts';
import { toneVoice, type Voice } from './voice.ts';

export interface RealtimeServerOptions {
  /** 0 takes any free one. (Default: 0) */
  port?: number;
  /** (Default: 127.0.0.1) */
  host?: string;
  /** As parsed, or its YAML text. */
  scenario: Scenario | string;
  /** The only keys that are let in; without it every key is, even none. */
  apiKey?: string | readonly string[];
  /** `espeak` speaks English where espeak-ng is on the PATH, tones elsewhere. (Default: tones) */
  voice?: 'tones' | 'espeak' | Voice;
  /**
   * Audio is sent this many times faster than it plays. Infinity sends an answer at once, so that
   * nothing is left for `response.cancel` to cancel but what one turn of the loop takes.
   * (Default: 4)
   */
  speed?: number;
}

/**
 * A stand-in for OpenAI: the Realtime API, in which it says what a scenario tells it, in tones that a
 * test can recognise, and the chat completions that are asked for after a call. One server takes any
 * number of sessions.
 */
export class RealtimeServer {
  /** One for each connection that became a session, in order. */
  readonly sessions: SessionLog[] = [];
  /** With which key each of those came. */
  readonly keys: string[] = [];
  /** The text model. */
  readonly chat: ChatCompletions;
  readonly #http = createServer((request, response) => this.#onRequest(request, response));
  readonly #wss = new WebSocketServer({ noServer: true, maxPayload: 16 * 1024 * 1024 });
  readonly #live = new Map<ModelSession, WebSocket>();
  readonly #options: RealtimeServerOptions;
  readonly #voice: Voice;
  readonly #stopping = new AbortController();
  readonly #arrivals = new Set<() => void>();
  #scenario: Scenario;
  #fault: Fault | undefined;
  #port = 0;

  private constructor(options: RealtimeServerOptions) {
    this.#options = options;
    this.#scenario = parsed(options.scenario);
    this.chat = new ChatCompletions(this.#scenario);
    const { voice = 'tones' } = options;
    this.#voice = voice === 'tones' ? toneVoice : voice === 'espeak' ? espeakVoice() : voice;
    this.#http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      this.#onUpgrade(request, socket, head).catch(() => socket.destroy());
    });
  }

  /** @throws CallwireError for a wrong scenario, Node's `EADDRINUSE` for a port that is taken. */
  static async start(options: RealtimeServerOptions): Promise<RealtimeServer> {
    const server = new RealtimeServer(options);
    await server.#listen(options.port ?? 0);
    return server;
  }

  /** What OPENAI_BASE_URL is to be set to. */
  get url(): string {
    return `http://${this.#options.host ?? '127.0.0.1'}:${this.#port}/v1`;
  }

  /** Takes effect for sessions that begin, and completions that are asked for, from now on. */
  setScenario(scenario: Scenario | string): void {
    this.#scenario = parsed(scenario);
    this.chat.setScripts(this.#scenario);
  }

  /** Puts a fault in force, in place of the one before; undefined ends it. */
  async setFault(input: FaultInput | string | undefined): Promise<void> {
    const before = this.#fault;
    this.#fault = input === undefined ? undefined : parseFault(input);
    const fault = this.#fault;
    // `close` without waiting: it ends the listening at once, and live sessions may go on.
    if (fault?.kind === 'refuse') this.#http.close();
    else if (before?.kind === 'refuse') await this.#listen(this.#port);
    if (fault?.kind === 'error_event' && fault.when === 'connect') {
      for (const session of this.#live.keys()) session.error(fault);
    }
    if (fault?.kind === 'drop' && fault.after === undefined) {
      this.#fault = undefined;
      await sleep(fault.after_ms, undefined, { signal: this.#stopping.signal });
      for (const socket of this.#live.values()) cut(socket, fault.how);
    }
  }

  /**
   * Waits until the session of this number, counted from 0, has begun.
   *
   * @throws the signal's reason
   */
  waitForSession(signal: AbortSignal, index = 0): Promise<SessionLog> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#arrivals.delete(look);
        signal.removeEventListener('abort', abort);
      };
      const abort = () => {
        stop();
        reject(signal.reason);
      };
      const look = () => {
        const log = this.sessions[index];
        if (!log) return;
        stop();
        resolve(log);
      };
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort);
      this.#arrivals.add(look);
      look();
    });
  }

  /** Ends all connections and frees the port. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const socket of this.#wss.clients) socket.terminate();
    const closed = this.#http.listening ? once(this.#http, 'close') : undefined;
    this.#http.close();
    this.#http.closeAllConnections();
    await closed;
  }

  async #listen(port: number): Promise<void> {
    this.#http.listen(port, this.#options.host ?? '127.0.0.1');
    await once(this.#http, 'listening');
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  /** `GET /v1/models` is for clients that want to learn whether the model can be reached. */
  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'POST' && !this.#refusal(request, '/v1/chat/completions')) {
      this.chat.answer(request, response).catch(() => response.destroy());
      return;
    }
    const status = this.#refusal(request, '/v1/models') ?? 200;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(status === 200 ? '{"object":"list","data":[]}' : errorBody(status));
  }

  async #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const fault = this.#fault;
    if (fault?.kind === 'slow_connect') {
      await sleep(fault.ms, undefined, { signal: this.#stopping.signal });
    }
    const status = this.#refusal(request, '/v1/realtime');
    if (status) {
      const body = errorBody(status);
      socket.end(
        `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
      return;
    }
    this.#wss.handleUpgrade(request, socket, head, (accepted) => {
      if (this.#fault?.kind === 'drop_loop') return accepted.close(1011, 'simulated');
      this.#begin(accepted, request);
    });
  }

  #refusal(request: IncomingMessage, path: string): 401 | 404 | 500 | undefined {
    if (this.#fault?.kind === 'http500') return 500;
    if (this.#fault?.kind === 'unauthorized') return 401;
    const { apiKey } = this.#options;
    const keys = typeof apiKey === 'string' ? [apiKey] : apiKey;
    if (keys?.every((key) => !same(keyOf(request), key))) return 401;
    return urlOf(request).pathname === path ? undefined : 404;
  }

  #begin(socket: WebSocket, request: IncomingMessage): void {
    const session = new ModelSession({
      socket,
      model: urlOf(request).searchParams.get('model') ?? '',
      scenario: this.#scenario,
      voice: this.#voice,
      speed: this.#options.speed ?? 4,
      fault: () => this.#fault,
      onEvent: (type) => this.#maybeDrop(type, socket),
    });
    this.#live.set(session, socket);
    socket.once('close', () => this.#live.delete(session));
    this.sessions.push(session.log);
    this.keys.push(keyOf(request));
    for (const look of [...this.#arrivals]) look();
  }

  #maybeDrop(type: string, socket: WebSocket): void {
    const fault = this.#fault;
    if (fault?.kind !== 'drop' || fault.after !== type) return;
    this.#fault = undefined;
    sleep(fault.after_ms, undefined, { signal: this.#stopping.signal }).then(
      () => cut(socket, fault.how),
      () => {},
    );
  }
}

function parsed(scenario: Scenario | string): Scenario {
  return typeof scenario === 'string' ? parseScenario(scenario) : scenario;
}

function cut(socket: WebSocket, how: 'close' | 'terminate'): void {
  if (how === 'terminate') socket.terminate();
  else socket.close(1011, 'simulated');
}

function urlOf(request: IncomingMessage): URL {
  return new URL(request.url ?? '/', 'http://localhost');
}

function keyOf(request: IncomingMessage): string {
  return (request.headers.authorization ?? '').replace(/^Bearer /, '');
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function errorBody(status: 401 | 404 | 500): string {
  const code = { 401: 'invalid_api_key', 404: 'not_found', 500: 'server_error' }[status];
  return JSON.stringify({ error: { type: 'invalid_request_error', code, message: 'Refused.' } });
}
