import { AudioByteStream, type llm } from '@livekit/agents';
import * as openai from '@livekit/agents-plugin-openai';
import type WebSocket from 'ws';
import { type ConnectionLimits, ModelConnection, type ModelTarget } from './model_connection.ts';
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
    this.#connection = new ModelConnection(options.limits);
  }

  /**
   * Opens the connection now. Resolves when the server has accepted the session; rejects with
   * `MODEL_UNAUTHORIZED`, `MODEL_REFUSED` or `MODEL_UNREACHABLE`, or when `signal` fires.
   */
  async connect(signal: AbortSignal): Promise<void> {
    this.#early ??= this.#newSession();
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#connection.accepted.then(resolve, reject).finally(() => {
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
