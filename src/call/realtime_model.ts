import { AudioByteStream, type llm } from '@livekit/agents';
import * as openai from '@livekit/agents-plugin-openai';
import WebSocket from 'ws';
import { CallwireError } from '../errors.ts';
import { TranscriptionMeter } from './transcription_meter.ts';

/**
 * The OpenAI Realtime model of one call, made safe for a phone.
 *
 * The plugin (1.9.0, pinned) opens its socket without an `error` listener: a refused connection or
 * a 401 is an uncaught exception that takes the call's process down, and a server that accepts and
 * closes is reconnected in a tight loop. `CallModelSession` replaces only that one step. It also
 * connects while the phone still rings, so that an unreachable model is known before the answer,
 * and sends caller audio in 20 ms instead of 100 ms pieces (barge-in p50 318 → 288 ms).
 *
 * These are private parts of the plugin: `realtime_model.test.ts` fails when they change.
 */
export class CallModel extends openai.realtime.RealtimeModel {
  /** What the transcription of the caller has used so far. */
  readonly transcription = new TranscriptionMeter(TRANSCRIPTION_MODEL);
  readonly #connection: ModelConnection;
  #early: llm.RealtimeSession | undefined;

  constructor(options: CallModelOptions) {
    // Only what is given: an explicit `undefined` would overwrite the plugin's defaults.
    super({
      model: options.model,
      voice: options.voice,
      apiKey: options.apiKey,
      baseURL: options.baseUrl,
      modalities: ['audio'],
      ...(options.language
        ? {
            inputAudioTranscription: {
              model: TRANSCRIPTION_MODEL,
              language: options.language,
            },
          }
        : {}),
    });
    this.#connection = new ModelConnection({ ...CONNECTION_LIMITS, ...options.limits });
  }

  /**
   * Opens the connection now. Resolves when the server has accepted it; rejects with
   * `MODEL_UNAUTHORIZED`, `MODEL_REFUSED` or `MODEL_UNREACHABLE`, or when `signal` fires.
   */
  async connect(signal: AbortSignal): Promise<void> {
    this.#early ??= this.#newSession();
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#connection.firstOpen.then(resolve, reject).finally(() => {
        signal.removeEventListener('abort', onAbort);
      });
    });
  }

  /** The plugin's contract: a session is asked for once per agent activity. */
  override session(): openai.realtime.RealtimeSession {
    const session = this.#early ?? this.#newSession();
    this.#early = undefined;
    this.current = session;
    return session as openai.realtime.RealtimeSession;
  }

  /** The session in use, for what agents-js has no public way to do. */
  current: llm.RealtimeSession | undefined;

  /** Ends a connection that no `AgentSession` has taken over. */
  async discard(): Promise<void> {
    await this.#early?.close();
    this.#early = undefined;
  }

  /** @internal Called by the session, while its base constructor still runs. */
  open(target: ModelTarget): Promise<WebSocket> {
    return this.#connection.open(target);
  }

  #newSession(): llm.RealtimeSession {
    const session = new CallModelSession(this) as unknown as llm.RealtimeSession;
    session.on('openai_server_event_received', (event) => this.transcription.take(event));
    // An emitter without an `error` listener throws; the agent session adds its own later. One that
    // dies before that must not be handed over: its end would be known to nobody.
    session.on('error', ({ recoverable }) => {
      if (!recoverable && this.#early === session) this.#early = undefined;
    });
    return session;
  }
}

const TRANSCRIPTION_MODEL = 'gpt-4o-mini-transcribe';

export interface CallModelOptions {
  model: string;
  voice: string;
  apiKey: string;
  /** `…/v1`; the plugin turns it into `ws(s)://…/v1/realtime`. */
  baseUrl: string;
  /** ISO 639-1, given to the transcription of the caller. */
  language?: string | undefined;
  limits?: Partial<ConnectionLimits>;
}

export interface ConnectionLimits {
  /** Within which a connection must stand, retries included: a caller waits. (Default: 8 s) */
  budgetMs: number;
  /** The pause before the second attempt; each further one is twice as long. (Default: 250 ms) */
  firstRetryMs: number;
}

interface ModelTarget {
  url: string;
  apiKey: string;
}

/** What the pinned plugin's session has and its types hide. */
interface HiddenParts {
  _options: { model: string; baseURL: string; apiKey: string };
  bstream: AudioByteStream;
  oaiRealtimeModel: CallModel;
}

// `Omit` drops the private declarations, which would forbid the override below.
const PluginSession = openai.realtime.RealtimeSession as unknown as new (
  model: openai.realtime.RealtimeModel,
) => Omit<openai.realtime.RealtimeSession, never> & HiddenParts;

const SAMPLE_RATE = 24_000;
const CHUNK_SAMPLES = SAMPLE_RATE / 50;

class CallModelSession extends PluginSession {
  constructor(model: CallModel) {
    super(model);
    this.bstream = new AudioByteStream(SAMPLE_RATE, 1, CHUNK_SAMPLES);
  }

  // Runs for the first time inside the base constructor: no field of this class exists yet.
  async createWsConn(): Promise<WebSocket> {
    const { model, baseURL, apiKey } = this._options;
    try {
      return await this.oaiRealtimeModel.open({
        url: openai.realtime.processBaseURL({ baseURL, model, isAzure: false }),
        apiKey,
      });
    } catch (error) {
      this.emit('error', {
        type: 'realtime_model_error',
        timestamp: Date.now(),
        label: 'openai.RealtimeModel',
        error,
        recoverable: false,
      });
      throw error;
    }
  }
}

const CONNECTION_LIMITS: ConnectionLimits = { budgetMs: 8_000, firstRetryMs: 250 };
const HANDSHAKE_TIMEOUT_MS = 5_000;
const MAX_RETRY_MS = 2_000;

/** A connection that lived shorter than this did not serve anybody. */
const SHORT_LIVED_MS = 2_000;
const MAX_SHORT_LIVED = 4;

class ModelConnection {
  readonly #limits: ConnectionLimits;
  readonly #first = Promise.withResolvers<void>();
  #openedAt = 0;
  #shortLived = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
    this.#first.promise.catch(() => undefined);
  }

  get firstOpen(): Promise<void> {
    return this.#first.promise;
  }

  async open(target: ModelTarget): Promise<WebSocket> {
    await this.#slowDownReconnects();
    const { budgetMs, firstRetryMs } = this.#limits;
    const deadline = Date.now() + budgetMs;
    for (let wait = firstRetryMs; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      try {
        const left = Math.max(1, deadline - Date.now());
        const socket = await connectOnce(target, Math.min(HANDSHAKE_TIMEOUT_MS, left));
        this.#openedAt = Date.now();
        this.#first.resolve();
        return socket;
      } catch (cause) {
        const error = cause as CallwireError;
        if (!error.retryable || Date.now() + wait >= deadline) {
          this.#first.reject(error);
          throw error;
        }
        await pause(wait);
      }
    }
  }

  async #slowDownReconnects(): Promise<void> {
    if (this.#openedAt === 0) return;
    this.#shortLived = Date.now() - this.#openedAt < SHORT_LIVED_MS ? this.#shortLived + 1 : 0;
    if (this.#shortLived > MAX_SHORT_LIVED) {
      throw new CallwireError('MODEL_UNREACHABLE', 'the model closes every connection at once', {
        retryable: true,
        remedy: 'Look at the status of the model provider, and at the quota of the key.',
      });
    }
    if (this.#shortLived > 0) await pause(this.#limits.firstRetryMs * 2 ** this.#shortLived);
  }
}

function connectOnce({ url, apiKey }: ModelTarget, timeoutMs: number): Promise<WebSocket> {
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
      reject(refusal(response.statusCode ?? 0));
    });
    socket.once('open', () => resolve(socket));
  });
}

function refusal(status: number): CallwireError {
  if (status === 401 || status === 403) {
    return new CallwireError('MODEL_UNAUTHORIZED', `the model refused the key (HTTP ${status})`, {
      remedy: 'Check OPENAI_API_KEY.',
    });
  }
  return new CallwireError('MODEL_REFUSED', `the model refused the connection (HTTP ${status})`, {
    retryable: status === 429 || status >= 500,
    remedy: 'Check OPENAI_BASE_URL and the model named in the profile.',
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
