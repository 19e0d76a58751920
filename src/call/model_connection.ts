import WebSocket, { type RawData } from 'ws';
import { z } from 'zod';
import { CallwireError } from '../errors.ts';

export interface ConnectionLimits {
  /** Within which a connection must stand, retries included: a caller waits. (Default: 8 s) */
  budgetMs: number;
  /** The pause before the second attempt; each further one is twice as long. (Default: 250 ms) */
  firstRetryMs: number;
  /** How long the first event of an open connection is waited for. (Default: 1.5 s) */
  acceptanceMs: number;
}

export interface ModelTarget {
  url: string;
  apiKey: string;
}

const LIMITS: ConnectionLimits = { budgetMs: 8_000, firstRetryMs: 250, acceptanceMs: 1_500 };
const HANDSHAKE_TIMEOUT_MS = 5_000;
const MAX_RETRY_MS = 2_000;

/** A connection that lived shorter than this did not serve anybody. */
const SHORT_LIVED_MS = 2_000;
const MAX_SHORT_LIVED = 4;

/**
 * Makes the sockets of one model session, and tells whether the server has accepted it.
 *
 * An open socket says little: OpenAI takes the handshake of a wrong key, answers with an `error`
 * event and closes with 3000. Its first event tells. A server of another make that waits for the
 * client to begin counts as willing after `acceptanceMs`.
 *
 * ```
 * opening ── open ──► open ── an event, or none for 1.5 s ──► accepted
 *    ▲ └ tried again   ├── an `error` event, or closed with one ──► refused
 *    │   or given up   │
 *    └── the plugin ───┴── closed without a word
 * ```
 */
export class ModelConnection {
  readonly #limits: ConnectionLimits;
  readonly #accepted = Promise.withResolvers<void>();
  #socket: WebSocket | undefined;
  #closed = false;
  #openedAt = 0;
  #shortLived = 0;

  constructor(limits: Partial<ConnectionLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
    this.#accepted.promise.catch(() => undefined);
  }

  /** Settles once, with the first session: what becomes of it later is the session's to tell. */
  get accepted(): Promise<void> {
    return this.#accepted.promise;
  }

  /** A socket that is open. Rejects with a `MODEL_…` error when there will be none. */
  async open(target: ModelTarget): Promise<WebSocket> {
    try {
      await this.#slowDownReconnects();
      this.#socket = await this.#connect(target);
      this.#openedAt = performance.now();
      return this.#socket;
    } catch (error) {
      this.#accepted.reject(error);
      throw error;
    }
  }

  /** Ends the socket there is, and tries for no other. */
  close(): void {
    this.#closed = true;
    this.#socket?.close();
  }

  async #connect(target: ModelTarget): Promise<WebSocket> {
    const { budgetMs, firstRetryMs } = this.#limits;
    const deadline = performance.now() + budgetMs;
    for (let wait = firstRetryMs; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      try {
        const left = Math.max(1, deadline - performance.now());
        const timeoutMs = Math.min(HANDSHAKE_TIMEOUT_MS, left);
        return await connectOnce(target, timeoutMs, (socket) => this.#awaitAcceptance(socket));
      } catch (cause) {
        const error = cause as CallwireError;
        const givenUp = this.#closed || performance.now() + wait >= deadline;
        if (!error.retryable || givenUp) throw error;
        await pause(wait);
      }
    }
  }

  #awaitAcceptance(socket: WebSocket): void {
    const settle = (refused: CallwireError | undefined) => {
      clearTimeout(timer);
      if (refused) this.#accepted.reject(refused);
      else this.#accepted.resolve();
    };
    const timer = setTimeout(() => settle(undefined), this.#limits.acceptanceMs);
    socket.once('message', (event) => settle(refusalIn(event)));
    socket.once('close', (code, reason) => {
      clearTimeout(timer);
      // Without a word it may be the network: the plugin connects again, for a while.
      if (code === CLOSED_WITH_ERROR) settle(refusedFor(lastWord(reason.toString())));
    });
  }

  async #slowDownReconnects(): Promise<void> {
    if (this.#openedAt === 0) return;
    this.#shortLived =
      performance.now() - this.#openedAt < SHORT_LIVED_MS ? this.#shortLived + 1 : 0;
    if (this.#shortLived > MAX_SHORT_LIVED) {
      throw new CallwireError('MODEL_UNREACHABLE', 'the model closes every connection at once', {
        retryable: true,
        remedy: 'Look at the status of the model provider, and at the quota of the key.',
      });
    }
    if (this.#shortLived > 0) await pause(this.#limits.firstRetryMs * 2 ** this.#shortLived);
  }
}

/** `onOpen` runs before anything can be received. */
function connectOnce(
  { url, apiKey }: ModelTarget,
  timeoutMs: number,
  onOpen: (socket: WebSocket) => void,
): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, {
      headers: { Authorization: `Bearer ${apiKey}`, 'User-Agent': 'Callwire' },
      handshakeTimeout: timeoutMs,
    });
    // Stays for the socket's whole life: this is the listener that the plugin forgets.
    socket.on('error', (cause) => {
      reject(
        new CallwireError('MODEL_UNREACHABLE', 'the model cannot be reached', {
          retryable: true,
          remedy: 'Check OPENAI_BASE_URL and the network.',
          cause,
        }),
      );
    });
    socket.on('unexpected-response', (request, response) => {
      request.destroy();
      reject(refusedWith(response.statusCode ?? 0));
    });
    socket.once('open', () => {
      onOpen(socket);
      resolve(socket);
    });
  });
}

function refusedWith(status: number): CallwireError {
  if (status === 401 || status === 403) return keyRefused(`HTTP ${status}`);
  return new CallwireError('MODEL_REFUSED', `the model refused the connection (HTTP ${status})`, {
    retryable: status === 429 || status >= 500,
    remedy: 'Check OPENAI_BASE_URL and the model named in the profile.',
  });
}

const errorEvent = z.object({
  type: z.literal('error'),
  error: z.object({ code: z.string().nullish(), type: z.string().nullish() }),
});

function refusalIn(event: RawData): CallwireError | undefined {
  try {
    const { success, data } = errorEvent.safeParse(JSON.parse(event.toString()));
    return success ? refusedFor(data.error.code ?? data.error.type ?? 'error') : undefined;
  } catch {
    return undefined;
  }
}

/** OpenAI's close code for a session that it will not serve; the reason is `type.code`. */
const CLOSED_WITH_ERROR = 3000;

function lastWord(reason: string): string {
  return reason.split('.').at(-1) ?? '';
}

/** By the code alone: the server's own message repeats a part of the key. */
function refusedFor(code: string): CallwireError {
  const named = /^\w{1,64}$/.test(code) ? code : 'error';
  if (named === 'invalid_api_key') return keyRefused(named);
  return new CallwireError('MODEL_REFUSED', `the model refused the session (${named})`, {
    remedy: 'Check the model named in the profile, and the quota of OPENAI_API_KEY.',
  });
}

function keyRefused(how: string): CallwireError {
  return new CallwireError('MODEL_UNAUTHORIZED', `the model refused the key (${how})`, {
    remedy: 'Check OPENAI_API_KEY.',
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
