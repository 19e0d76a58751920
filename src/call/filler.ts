import { voice } from '@livekit/agents';
import type { Announcer } from './announcer.ts';

/** How long a caller waits in silence before being told that it goes on. */
const FILLER_AFTER_MS = 1_500;
/** A backend that needs half a minute needs more than one sentence. */
const FILLER_AGAIN_AFTER_MS = 8_000;

const WORDS =
  'You are still waiting for a result. Say in one short sentence, in the language of the call, that you ' +
  'are looking into it and need a moment. Do not say what the result could be. Call no tool.';

/**
 * Has something said while a tool lets the caller wait: a few words after 1.5 s in which neither side
 * spoke, and again from time to time. The caller can speak into them as into anything else; the result,
 * when it comes, is told behind them.
 *
 * ```
 * idle ── a tool waits ──► waiting ── 1.5 s of silence ──► told ── 8 s of silence ──► told …
 *   ▲                         └──────────────── none waits any more ────────────────────┘
 *   └─────────────────────────────────────────────────────────────────┘
 * ```
 */
export class Filler {
  readonly #session: voice.AgentSession;
  readonly #announcer: Announcer;
  readonly #signal: AbortSignal;
  #waiting = 0;
  #over = new AbortController();

  constructor(session: voice.AgentSession, announcer: Announcer, signal: AbortSignal) {
    this.#session = session;
    this.#announcer = announcer;
    this.#signal = signal;
  }

  /** A tool waits, until the returned function is called. */
  begin(): () => void {
    this.#waiting += 1;
    if (this.#waiting === 1) {
      this.#over = new AbortController();
      void this.#fill(AbortSignal.any([this.#signal, this.#over.signal]));
    }
    return () => {
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#over.abort();
    };
  }

  async #fill(over: AbortSignal): Promise<void> {
    for (let pauseMs = FILLER_AFTER_MS; ; pauseMs = FILLER_AGAIN_AFTER_MS) {
      await silence(this.#session, pauseMs, over);
      if (over.aborted) return;
      await this.#announcer.reply(WORDS, { at: 'once', attempts: 1, unless: over, tools: false });
    }
  }
}

/** Resolves when neither side has spoken for so long, or when `signal` fires. */
function silence(session: voice.AgentSession, ms: number, signal: AbortSignal): Promise<void> {
  const { AgentStateChanged, UserStateChanged } = voice.AgentSessionEventTypes;
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const done = () => {
      clearTimeout(timer);
      session.off(AgentStateChanged, check);
      session.off(UserStateChanged, check);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const check = () => {
      const speaking = session.agentState === 'speaking' || session.userState === 'speaking';
      if (speaking) {
        clearTimeout(timer);
        timer = undefined;
      } else timer ??= setTimeout(done, ms);
    };
    session.on(AgentStateChanged, check);
    session.on(UserStateChanged, check);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
    else check();
  });
}
