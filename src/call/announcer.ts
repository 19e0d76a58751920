import { AsyncLocalStorage } from 'node:async_hooks';
import type { ReadableStream } from 'node:stream/web';
import { voice } from '@livekit/agents';
import type { AudioFrame } from '@livekit/rtc-node';
import type { Logger } from 'pino';

type AgentSession = voice.AgentSession;
type SpeechHandle = ReturnType<AgentSession['generateReply']>;

/**
 * What Callwire itself wants said: the greeting, the result of something that took longer than a
 * turn, a question after a silence, a goodbye. One at a time, and only when neither side speaks: a
 * reply asked for while the model answers the caller is refused by the API
 * (`conversation_already_has_active_response`), so a refused one is tried once more in the next lull.
 */
export class Announcer {
  readonly #session: AgentSession;
  readonly #signal: AbortSignal;
  readonly #log: Logger;
  #queue: Promise<unknown> = Promise.resolve();

  // Tools announce from inside their own async context, in which agents-js takes every reply for a
  // part of that tool and forbids it further tools.
  readonly #outside = AsyncLocalStorage.snapshot();

  constructor(session: AgentSession, signal: AbortSignal, log: Logger) {
    this.#session = session;
    this.#signal = signal;
    this.#log = log;
  }

  /**
   * Asks the model for a reply and resolves when it has been played, cut off or given up. Without
   * `instructions` the model speaks by its prompt alone.
   */
  reply(instructions?: string, options: ReplyOptions = {}): Promise<Spoken> {
    const speak = () => this.#outside(() => this.#speak(instructions, options));
    const run = options.interrupt ? speak() : this.#queue.then(speak);
    this.#queue = run;
    return run;
  }

  /** The model is asked for these very words. */
  say(text: string, options?: ReplyOptions): Promise<Spoken> {
    return this.reply(sayExactly(text), options);
  }

  /**
   * Plays audio in place of the model's voice, now; `text` is what it says, for the transcript, `''` where
   * nobody knows. It can be spoken into like any other speech.
   */
  play(audio: ReadableStream<AudioFrame>, text: string, deadlineMs: number): Promise<Spoken> {
    const run = this.#queue.then(() => this.#outside(() => this.#play(audio, text, deadlineMs)));
    this.#queue = run;
    return run;
  }

  async #play(
    audio: ReadableStream<AudioFrame>,
    text: string,
    deadlineMs: number,
  ): Promise<Spoken> {
    const limit = AbortSignal.any([this.#signal, AbortSignal.timeout(deadlineMs)]);
    if (limit.aborted) return 'unsaid';
    try {
      const handle = this.#session.say(text, { audio, addToChatCtx: text !== '' });
      await playedOut(handle, limit);
      if (!handle.done() || handle.exception()) return 'unsaid';
      return handle.interrupted ? 'cut_off' : 'played';
    } catch (error) {
      this.#log.debug({ err: error }, 'audio dropped');
      return 'unsaid';
    }
  }

  async #speak(instructions: string | undefined, options: ReplyOptions): Promise<Spoken> {
    const {
      at = 'lull',
      deadlineMs = 30_000,
      attempts = 2,
      keypad,
      interrupt,
      unless,
      tools,
    } = options;
    const limit = AbortSignal.any([this.#signal, AbortSignal.timeout(deadlineMs)]);
    for (let attempt = 1; attempt <= attempts; attempt++) {
      if (at === 'lull' || attempt > 1) await lull(this.#session, limit);
      if (limit.aborted || unless?.aborted) return 'unsaid';
      try {
        if (interrupt) this.#session.interrupt({ force: true });
        const handle = this.#session.generateReply({
          ...(instructions === undefined ? {} : { instructions }),
          ...(tools === false ? { toolChoice: 'none' } : {}),
          ...(keypad === undefined || attempt > 1 ? {} : { userInput: keypad }),
        });
        await playedOut(handle, limit);
        if (!handle.done()) return 'unsaid';
        const error = handle.exception();
        if (!error && handle.interrupted) return 'cut_off';
        if (!error && handle.chatItems.length > 0) return 'played';
        this.#log.warn({ err: error, attempt }, 'the model did not speak when asked to');
      } catch (error) {
        // The session is closing or was never started: nobody is there to speak to.
        this.#log.debug({ err: error }, 'announcement dropped');
        return 'unsaid';
      }
    }
    return 'unsaid';
  }
}

/**
 * How a reply went: heard to its end; cut off, by the caller or by something more important; or not
 * spoken at all, because the model did not, or the call or the time for it ended first.
 */
export type Spoken = 'played' | 'cut_off' | 'unsaid';

export interface ReplyOptions {
  /** `lull`: when neither side speaks. `once`: now. (Default: `lull`) */
  at?: 'once' | 'lull';
  /** For the wait, the model and the speech together. (Default: 30 s) */
  deadlineMs?: number;
  /** (Default: 2) */
  attempts?: number;
  /** What the caller keyed in goes to the model as the caller's words. */
  keypad?: string;
  /** Not said any more once this fires; what is being said then goes on. */
  unless?: AbortSignal;
  /** `false`: the model only speaks. (Default: it may call tools) */
  tools?: false;
  /** Stops whatever is being said, and goes before what waits. */
  interrupt?: boolean;
}

/** Instructions that make the model speak one text word for word. */
export function sayExactly(text: string): string {
  return `Say exactly: ${JSON.stringify(text)} Add nothing before or after it.`;
}

/** Resolves when neither side speaks, or when `signal` fires. */
export function lull(session: AgentSession, signal: AbortSignal): Promise<void> {
  const { AgentStateChanged, UserStateChanged } = voice.AgentSessionEventTypes;
  return new Promise((resolve) => {
    const check = () => {
      const quiet = session.agentState === 'listening' || session.agentState === 'idle';
      if (signal.aborted || (quiet && session.userState !== 'speaking')) {
        session.off(AgentStateChanged, check);
        session.off(UserStateChanged, check);
        signal.removeEventListener('abort', check);
        resolve();
      }
    };
    session.on(AgentStateChanged, check);
    session.on(UserStateChanged, check);
    signal.addEventListener('abort', check);
    check();
  });
}

function playedOut(handle: SpeechHandle, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    handle.addDoneCallback(done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
