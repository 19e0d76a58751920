import { z } from 'zod';
import { LISTEN_ONLY } from '../turn_taking.ts';
import { BeepDetector } from './beep.ts';
import { Hearing, type HearingOptions, type Verdict } from './hearing.ts';

export interface HearOptions extends Omit<HearingOptions, 'judge' | 'signal'> {
  /** Whether a tone is a machine's: not while a phone is ringing somewhere behind it. (Default: true) */
  beeps?: boolean;
}

/** How the other side came to its end: with a tone, by falling silent, or not at all in time. */
export type Turn = 'beep' | 'quiet' | 'limit';

/** Without a word before it a tone has to last: a fax does, the click of a telephone does not. */
const LONE_BEEP_MS = 1_000;

/** Speech that runs into a tone without a pause has to have been some. */
const SPEECH_BEFORE_BEEP_MS = 1_000;

/**
 * Whoever has answered an outbound call, as they are heard: their utterances as the model's events
 * tell them, and the sound of the line, for tones. It decides nothing by itself; `hear` does, as often
 * as it is asked.
 */
export class Answerer {
  readonly #judge: HearingOptions['judge'];
  readonly #signal: AbortSignal;
  readonly #beep = new BeepDetector();
  readonly #watchers = new Set<() => void>();
  #hearing: Hearing | undefined;
  #beepsCount = true;
  /** `performance.now` of the utterance that goes on. */
  #speakingSince: number | undefined;
  /** Milliseconds into the model's audio at which it began. */
  #beganAtMs = 0;
  #quietSince = performance.now();
  #utterances = 0;
  #beepBeganAt: number | undefined;
  /** A tone has ended, and nobody has spoken since. */
  #beeped = false;

  /** @param signal Ends all waiting. */
  constructor({ judge, signal }: Pick<HearingOptions, 'judge' | 'signal'>) {
    this.#judge = judge;
    this.#signal = signal;
  }

  get speaking(): boolean {
    return this.#speakingSince !== undefined;
  }

  /** Begins to judge anew who speaks; what is being said right now counts. */
  hear({ beeps = true, ...options }: HearOptions): Promise<Verdict> {
    const hearing = new Hearing({ ...options, judge: this.#judge, signal: this.#signal });
    this.#hearing = hearing;
    this.#beepsCount = beeps;
    if (this.speaking) hearing.began();
    return hearing.verdict;
  }

  /**
   * Waits until the other side is done: a tone has ended (also one before this, if nobody has spoken
   * since), or nobody has spoken for `quietMs`, or `limitMs` are over.
   */
  turn({ quietMs, limitMs }: { quietMs: number; limitMs: number }): Promise<Turn> {
    return new Promise((resolve) => {
      const startedAt = performance.now();
      let timer: NodeJS.Timeout | undefined;
      const done = (turn: Turn) => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        this.#signal.removeEventListener('abort', end);
        resolve(turn);
      };
      const end = () => done('limit');
      const look = () => {
        clearTimeout(timer);
        if (this.#beeped) return done('beep');
        const now = performance.now();
        if (now - startedAt >= limitMs) return done('limit');
        const still = this.speaking || this.#beep.beeping;
        const quietAt = still ? Number.POSITIVE_INFINITY : this.#quietSince + quietMs;
        if (now >= quietAt) return done('quiet');
        timer = setTimeout(look, Math.min(quietAt, startedAt + limitMs) - now);
      };
      this.#watchers.add(look);
      this.#signal.addEventListener('abort', end, { once: true });
      if (this.#signal.aborted) end();
      else look();
    });
  }

  /** Whatever event of the model's comes (OpenAI Realtime). */
  take(event: { type?: unknown }): void {
    switch (event.type) {
      case 'input_audio_buffer.speech_started':
        this.#began(Position.safeParse(event).data?.audio_start_ms ?? 0);
        break;
      case 'input_audio_buffer.speech_stopped':
        this.#ended(Position.safeParse(event).data?.audio_end_ms ?? 0);
        break;
      case 'conversation.item.input_audio_transcription.completed':
        this.#hearing?.words(Transcript.safeParse(event).data?.transcript ?? '');
        break;
    }
  }

  /** What comes from the line: mono PCM16 at `BEEP_SAMPLE_RATE`. */
  sound(pcm: Int16Array): void {
    for (const { kind } of this.#beep.push(pcm)) {
      if (kind === 'began') {
        this.#beepBeganAt = performance.now();
        if (this.#hasSpoken()) this.#isBeep();
      } else {
        this.#beeped = this.#beepBeganAt === undefined;
        this.#beepBeganAt = undefined;
      }
      this.#changed();
    }
    const { beeping } = this.#beep;
    if (beeping && this.#beepBeganAt !== undefined) {
      if (performance.now() - this.#beepBeganAt >= LONE_BEEP_MS) this.#isBeep();
    }
  }

  /** From here on its end is the end of a machine's turn. */
  #isBeep(): void {
    this.#beepBeganAt = undefined;
    if (this.#beepsCount) this.#hearing?.beep();
  }

  #hasSpoken(): boolean {
    if (this.#utterances > 0) return true;
    const since = this.#speakingSince;
    return since !== undefined && performance.now() - since >= SPEECH_BEFORE_BEEP_MS;
  }

  #began(atMs: number): void {
    this.#speakingSince = performance.now();
    this.#beganAtMs = atMs;
    // The tone itself is speech to a detector that goes by loudness.
    if (!this.#beep.beeping) this.#beeped = false;
    this.#hearing?.began();
    this.#changed();
  }

  #ended(atMs: number): void {
    this.#speakingSince = undefined;
    this.#quietSince = performance.now();
    this.#utterances += 1;
    const { prefix_padding_ms: before, silence_duration_ms: behind } = LISTEN_ONLY;
    this.#hearing?.ended(Math.max(0, atMs - this.#beganAtMs - before - behind));
    this.#changed();
  }

  #changed(): void {
    for (const look of [...this.#watchers]) look();
  }
}

const Position = z.object({
  audio_start_ms: z.number().optional(),
  audio_end_ms: z.number().optional(),
});
const Transcript = z.object({ transcript: z.string() });
