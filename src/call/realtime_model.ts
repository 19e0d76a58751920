import { isDeepStrictEqual } from 'node:util';
import { AudioByteStream, llm } from '@livekit/agents';
import * as openai from '@livekit/agents-plugin-openai';
import type { AudioFrame } from '@livekit/rtc-node';
import type WebSocket from 'ws';
import type { BargeInRule, TurnDetection } from '../config/profile.ts';
import { BargeInGate } from './barge_in.ts';
import { type ConnectionLimits, ModelConnection, type ModelTarget } from './model_connection.ts';
import { ToldResults } from './told_results.ts';
import { TranscriptionMeter } from './transcription_meter.ts';
import { CONVERSE, LISTEN_ONLY } from './turn_taking.ts';

/**
 * The OpenAI Realtime model of one call, made safe for a phone.
 *
 * The plugin (1.9.0, pinned) opens its socket without an `error` listener: a refused connection or
 * a 401 is an uncaught exception that takes the call's process down, and a server that accepts and
 * closes is reconnected in a tight loop. `CallModelSession` replaces only that one step. It also
 * connects while the phone still rings, so that an unreachable model is known before the answer,
 * sends caller audio in 20 ms instead of 100 ms pieces (barge-in p50 318 → 288 ms), compares
 * conversations from where they differ, and can only listen.
 *
 * These are private parts of the plugin: `realtime_model.test.ts` fails when they change.
 */
export class CallModel extends openai.realtime.RealtimeModel {
  /** What the transcription of the caller has used so far. */
  readonly transcription = new TranscriptionMeter(TRANSCRIPTION_MODEL);
  /** What the model hears of a caller who speaks into the agent's words; `undefined`: everything. */
  readonly bargeIn: BargeInGate | undefined;
  /** Told of every event of the model's, before agents-js is. */
  onServerEvent: ((event: ServerEvent) => void) | undefined;
  readonly #options: CallModelOptions;
  readonly #connection: ModelConnection;
  #begun = false;
  #early: llm.RealtimeSession | undefined;
  readonly #conversing: Detection;
  #listensOnly: boolean;

  constructor(options: CallModelOptions) {
    // Only what is given: an explicit `undefined` would overwrite the plugin's defaults.
    super({
      model: options.model,
      voice: options.voice,
      apiKey: options.apiKey,
      baseURL: options.baseUrl,
      modalities: ['audio'],
      turnDetection: options.listensOnly ? LISTEN_ONLY : conversing(options),
      ...(options.noiseReduction && { inputAudioNoiseReduction: { type: options.noiseReduction } }),
      ...(options.language
        ? {
            inputAudioTranscription: {
              model: TRANSCRIPTION_MODEL,
              language: options.language,
            },
          }
        : {}),
    });
    this.bargeIn = options.bargeIn ? new BargeInGate(options.bargeIn) : undefined;
    this.#options = options;
    this.#connection = new ModelConnection(options.limits);
    this.#conversing = conversing(options);
    this.#listensOnly = options.listensOnly ?? false;
  }

  /**
   * It hears and writes down what is said, and neither answers by itself nor is cut off: agents-js is
   * told of no speech, and stops nothing either.
   */
  get listensOnly(): boolean {
    return this.#listensOnly;
  }

  /** `false`: it takes part in the conversation; an utterance that goes on right now counts. */
  set listensOnly(only: boolean) {
    if (this.#listensOnly === only) return;
    this.#listensOnly = only;
    const session = (this.current ?? this.#early) as CallModelSession | undefined;
    session?.setTurnDetection(only ? LISTEN_ONLY : this.#conversing);
  }

  /**
   * Opens the connection now. Resolves when the server has accepted the session; rejects with
   * `MODEL_UNAUTHORIZED`, `MODEL_REFUSED` or `MODEL_UNREACHABLE`, or when `signal` fires. Asked again it
   * tells of the same connection.
   */
  async connect(signal: AbortSignal): Promise<void> {
    if (!this.#begun) this.#early = this.#newSession();
    this.#begun = true;
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#connection.accepted.then(resolve, reject).finally(() => {
        signal.removeEventListener('abort', onAbort);
      });
    });
  }

  isMadeOf(options: CallModelOptions): boolean {
    return isDeepStrictEqual(this.#options, options);
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

  /** Tells results before agents-js does. Rejects where the model does not take them: then it may. */
  async tellResults(results: readonly llm.FunctionCallOutput[]): Promise<void> {
    await (this.current as CallModelSession | undefined)?.tellResults(results);
  }

  /** What the model was told of a tool's call that way. */
  toldResult(callId: string): llm.FunctionCallOutput | undefined {
    return (this.current as CallModelSession | undefined)?.told.of(callId);
  }

  /**
   * Ends a connection that no `AgentSession` has taken over. The plugin's `close` alone leaves the socket
   * open, until there is something to send.
   */
  async discard(): Promise<void> {
    await this.#early?.close();
    this.#early = undefined;
    this.#connection.close();
  }

  /** @internal Called by the session, while its base constructor still runs. */
  open(target: ModelTarget): Promise<WebSocket> {
    return this.#connection.open(target);
  }

  #newSession(): llm.RealtimeSession {
    const session = new CallModelSession(this) as unknown as llm.RealtimeSession;
    session.on('openai_server_event_received', (event) => {
      this.transcription.take(event);
      this.onServerEvent?.(event);
    });
    // An emitter without an `error` listener throws; the agent session adds its own later. One that
    // dies before that must not be handed over: its end would be known to nobody.
    session.on('error', ({ recoverable }) => {
      if (!recoverable && this.#early === session) this.#early = undefined;
    });
    return session;
  }
}

const TRANSCRIPTION_MODEL = 'gpt-4o-mini-transcribe';

type ServerEvent = { type?: unknown; item?: unknown };

export interface CallModelOptions {
  model: string;
  voice: string;
  apiKey: string;
  /** `…/v1`; the plugin turns it into `ws(s)://…/v1/realtime`. */
  baseUrl: string;
  /** (Default: the plugin's) */
  turnDetection?: TurnDetection;
  /** (Default: any sound) */
  bargeIn?: BargeInRule | null;
  /** (Default: none) */
  noiseReduction?: 'near_field' | 'far_field' | null;
  /** ISO 639-1, given to the transcription of the caller. */
  language?: string | undefined;
  /** At first it only listens. (Default: false) */
  listensOnly?: boolean;
  limits?: Partial<ConnectionLimits>;
}

type ModelOptions = NonNullable<ConstructorParameters<typeof openai.realtime.RealtimeModel>[0]>;

type Detection = NonNullable<ModelOptions['turnDetection']>;

function conversing({ turnDetection }: CallModelOptions): Detection {
  return turnDetection ? turnDetectionOf(turnDetection) : CONVERSE;
}

function turnDetectionOf(rule: TurnDetection): Detection {
  const reply = { create_response: true, interrupt_response: true };
  return rule.by === 'meaning'
    ? { type: 'semantic_vad', eagerness: rule.eagerness, ...reply }
    : {
        type: 'server_vad',
        threshold: rule.threshold,
        silence_duration_ms: rule.silenceMs,
        ...reply,
      };
}

/** What the pinned plugin's session has and its types hide. */
interface HiddenParts {
  _options: { model: string; baseURL: string; apiKey: string; turnDetection: unknown };
  bstream: AudioByteStream;
  oaiRealtimeModel: CallModel;
  readonly chatCtx: llm.ChatContext;
  pushAudio(frame: AudioFrame): void;
  updateChatCtx(given: llm.ChatContext): Promise<void>;
  createChatCtxUpdateEvents(given: llm.ChatContext, addMockAudio?: boolean): Promise<unknown[]>;
  handleInputAudioBufferSpeechStarted(event: unknown): void;
}

// `Omit` drops the private declarations, which would forbid the override below.
const PluginSession = openai.realtime.RealtimeSession as unknown as new (
  model: openai.realtime.RealtimeModel,
) => Omit<openai.realtime.RealtimeSession, 'pushAudio' | 'updateChatCtx'> & HiddenParts;

const SAMPLE_RATE = 24_000;
const CHUNK_SAMPLES = SAMPLE_RATE / 50;

class CallModelSession extends PluginSession {
  /** Instead of the whole conversation, while the plugin compares. */
  #compared: llm.ChatContext | undefined;
  readonly told = new ToldResults();
  /** Not whole conversations: what comes at the end of the one there is. */
  readonly #additions = new WeakSet<llm.ChatContext>();

  constructor(model: CallModel) {
    super(model);
    this.bstream = new AudioByteStream(SAMPLE_RATE, 1, CHUNK_SAMPLES);
  }

  override pushAudio(frame: AudioFrame): void {
    const { bargeIn, listensOnly } = this.oaiRealtimeModel;
    // What cannot cut the agent off need not be kept from the model.
    const gate = listensOnly ? undefined : bargeIn;
    for (const passed of gate?.pass(frame) ?? [frame]) super.pushAudio(passed);
  }

  override updateChatCtx(given: llm.ChatContext): Promise<void> {
    return super.updateChatCtx(this.told.in(given));
  }

  async tellResults(results: readonly llm.FunctionCallOutput[]): Promise<void> {
    this.told.begin(results);
    const addition = new llm.ChatContext([...results]);
    this.#additions.add(addition);
    try {
      await super.updateChatCtx(addition);
      this.told.arrived(results);
    } catch (error) {
      this.told.failed(results);
      throw error;
    }
  }

  override get chatCtx(): llm.ChatContext {
    return this.#compared ?? super.chatCtx;
  }

  /**
   * For every tool's result the plugin compares the whole conversation with itself, in a time that
   * grows with its square: 3 ms of event loop at 150 items, 75 ms, three and more packets of audio,
   * at 1000. What both begin with changes nothing of the outcome but the item to insert behind, so
   * all of it but its last is left out.
   */
  override createChatCtxUpdateEvents(
    given: llm.ChatContext,
    addMockAudio?: boolean,
  ): Promise<unknown[]> {
    const known = super.chatCtx;
    const isAddition = this.#additions.has(given);
    const common = isAddition ? known.items.length : commonStart(known.items, given.items);
    const from = Math.max(common - 1, 0);
    // The plugin reads it before it waits for anything; `realtime_model.test.ts` holds it to that.
    this.#compared = new llm.ChatContext(known.items.slice(from));
    try {
      const changed = isAddition
        ? [...known.items.slice(from), ...given.items]
        : given.items.slice(from);
      return super.createChatCtxUpdateEvents(new llm.ChatContext(changed), addMockAudio);
    } finally {
      this.#compared = undefined;
    }
  }

  /** agents-js would stop what it says, and drop it: nothing else asks for `interrupt_response`. */
  override handleInputAudioBufferSpeechStarted(event: unknown): void {
    if (!this.oaiRealtimeModel.listensOnly) super.handleInputAudioBufferSpeechStarted(event);
  }

  setTurnDetection(detection: Detection): void {
    // Read again for every new connection.
    this._options.turnDetection = detection;
    this.sendEvent({
      type: 'session.update',
      session: { type: 'realtime', audio: { input: { turn_detection: detection } } },
    } as Parameters<typeof this.sendEvent>[0]);
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

/** How many items both begin with. */
function commonStart(known: readonly llm.ChatItem[], given: readonly llm.ChatItem[]): number {
  const differs = known.findIndex((item, i) => {
    const other = given[i];
    if (other?.id !== item.id) return true;
    return isMessage(item) && isMessage(other) && item.rawTextContent !== other.rawTextContent;
  });
  return differs === -1 ? known.length : differs;
}

function isMessage(item: llm.ChatItem): item is llm.ChatMessage {
  return item.type === 'message';
}
