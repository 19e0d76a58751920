import type { AnsweredBy } from '../../events/vocabulary.ts';
import { speakerOf } from './phrases.ts';

export interface Verdict {
  kind: AnsweredBy;
  /** What told it: the words, how long they went on, a tone, the text model, or that nobody spoke. */
  by: 'words' | 'length' | 'beep' | 'model' | 'silence' | 'limit';
  /** What had been said by then. */
  text: string;
}

export interface HearingOptions {
  /** Who says so, where the words do not tell. Never rejects; `unknown` where it cannot tell either. */
  judge: (text: string, signal: AbortSignal) => Promise<AnsweredBy>;
  /** Nobody has said a word by then: `unknown`. Milliseconds. (Default: it is waited on) */
  silenceMs?: number;
  /** The longest that it is listened at all: `unknown` then. Milliseconds. */
  limitMs: number;
  /** Ends it, as `unknown`. */
  signal: AbortSignal;
}

/** Who picks up says a few words and waits: longer is a machine's greeting, or a receptionist's. */
export const SHORT_MS = 2_500;

/** No person talks this long to somebody who has not said a word. */
export const MONOLOGUE_MS = 12_000;

/** From the end of an utterance; the transcription mostly needs 300 to 500 ms. */
export const WORDS_LIMIT_MS = 1_500;

/**
 * Decides who is speaking, from what is heard of them:
 *
 * ```
 *                    ┌────────────── speaks on ──────────────┐
 *                    ▼                                       │
 * quiet ─ speaks ─► speaking ─ pauses ─► paused ─ words are in, or late ─► short? person
 *   │                 │                      │               └─ long ─► the text model ─► its word,
 *   │ silenceMs       └─ MONOLOGUE_MS ─►     │                                        else person
 *   ▼                    the text model ─►   └─ no words at all: a noise ─► quiet
 * unknown                its word, else machine (unknown where there are no words)
 *
 * in every state: words of a machine, a menu, call screening ─► that; a beep ─► machine
 * ```
 *
 * Silence alone is never taken for a machine. "Please hold" tells nothing of who comes next: it is
 * forgotten, and listened on.
 */
export class Hearing {
  readonly verdict: Promise<Verdict>;
  readonly #options: HearingOptions;
  readonly #decided = Promise.withResolvers<Verdict>();
  readonly #timers: Record<'silence' | 'limit' | 'monologue' | 'words', Timer> = {
    silence: undefined,
    limit: undefined,
    monologue: undefined,
    words: undefined,
  };
  #over = false;
  #speaking = false;
  /** How long has been spoken, pauses not counted. Milliseconds. */
  #spokenMs = 0;
  /** Utterances whose words have not come. */
  #awaited = 0;
  #text = '';
  #asking: AbortController | undefined;

  constructor(options: HearingOptions) {
    this.#options = options;
    this.verdict = this.#decided.promise;
    const { limitMs, signal } = options;
    this.#listenForSilence();
    this.#timers.limit = setTimeout(() => this.#decide('unknown', 'limit'), limitMs);
    const end = () => this.#decide('unknown', 'limit');
    signal.addEventListener('abort', end, { once: true });
    this.verdict.then(() => signal.removeEventListener('abort', end));
    if (signal.aborted) end();
  }

  /** Somebody speaks, or goes on speaking. */
  began(): void {
    if (this.#over) return;
    this.#speaking = true;
    this.#asking?.abort();
    clearTimeout(this.#timers.silence);
    clearTimeout(this.#timers.words);
    this.#timers.monologue ??= setTimeout(() => void this.#ask('machine'), MONOLOGUE_MS);
  }

  /** It was an utterance of this length; its words are still to come. */
  ended(ms: number): void {
    if (this.#over) return;
    this.#speaking = false;
    this.#spokenMs += ms;
    this.#awaited += 1;
    this.#timers.words = setTimeout(() => this.#pausedFor(), WORDS_LIMIT_MS);
  }

  /** The words of an utterance that has ended; `''` where it had none. */
  words(text: string): void {
    if (this.#over) return;
    this.#awaited = Math.max(0, this.#awaited - 1);
    this.#text = `${this.#text} ${text.trim()}`.trim();
    const speaker = speakerOf(this.#text);
    if (speaker === 'machine' || speaker === 'ivr' || speaker === 'screening') {
      this.#decide(speaker, 'words');
    } else if (speaker === 'hold') {
      clearTimeout(this.#timers.silence);
      this.#forget();
    } else if (!this.#speaking && this.#awaited === 0) {
      clearTimeout(this.#timers.words);
      this.#pausedFor();
    }
  }

  beep(): void {
    this.#decide('machine', 'beep');
  }

  /** Somebody has paused, and everything that can be known of their words is. */
  #pausedFor(): void {
    if (this.#over || this.#speaking) return;
    // A cough, a door: nobody has said anything.
    if (this.#text === '' && this.#awaited === 0) {
      this.#forget();
      this.#listenForSilence();
    } else if (this.#spokenMs <= SHORT_MS) this.#decide('person', 'length');
    else if (speakerOf(this.#text) === 'person') this.#decide('person', 'words');
    else void this.#ask('person');
  }

  async #ask(otherwise: 'person' | 'machine'): Promise<void> {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    const text = this.#text;
    // A street, a radio: what goes on for ever without a word is nobody's greeting.
    if (text === '' && otherwise === 'machine') {
      this.#decide('unknown', 'length');
      return;
    }
    const signal = AbortSignal.any([asking.signal, this.#options.signal]);
    const word = text === '' ? 'unknown' : await this.#options.judge(text, signal);
    if (asking.signal.aborted || this.#over) return;
    if (word === 'unknown') this.#decide(otherwise, 'length');
    else this.#decide(word, 'model');
  }

  #listenForSilence(): void {
    const { silenceMs } = this.#options;
    clearTimeout(this.#timers.silence);
    if (silenceMs === undefined) return;
    this.#timers.silence = setTimeout(() => this.#decide('unknown', 'silence'), silenceMs);
  }

  #forget(): void {
    this.#text = '';
    this.#spokenMs = 0;
    this.#awaited = 0;
    clearTimeout(this.#timers.words);
    clearTimeout(this.#timers.monologue);
    this.#timers.monologue = undefined;
  }

  #decide(kind: AnsweredBy, by: Verdict['by']): void {
    if (this.#over) return;
    this.#over = true;
    this.#asking?.abort();
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#decided.resolve({ kind, by, text: this.#text });
  }
}

type Timer = NodeJS.Timeout | undefined;
