import { ReadableStream, type ReadableStreamDefaultController } from 'node:stream/web';
import { voice } from '@livekit/agents';
import { AudioFrame } from '@livekit/rtc-node';

const RATE = 24_000;
const FRAME_MS = 100;
const FRAME_SAMPLES = (RATE * FRAME_MS) / 1_000;

/** The caller's end of a line without a room: what the model hears. */
export class CallerLine extends voice.AudioInput {
  #controller!: ReadableStreamDefaultController<AudioFrame>;

  constructor() {
    super();
    const source = new ReadableStream<AudioFrame>({
      start: (controller) => {
        this.#controller = controller;
      },
    });
    this.multiStream.addInputStream(source);
  }

  /** A tone: to an energy detector that is speech. */
  talk(): void {
    for (let at = 0; at < 400; at += FRAME_MS) {
      const samples = Int16Array.from({ length: FRAME_SAMPLES }, (_, i) =>
        Math.round(10_000 * Math.sin((2 * Math.PI * 300 * i) / RATE)),
      );
      this.#controller.enqueue(new AudioFrame(samples, RATE, 1, FRAME_SAMPLES));
    }
  }

  fallSilent(): void {
    for (let at = 0; at < 800; at += FRAME_MS) {
      const silence = new Int16Array(FRAME_SAMPLES);
      this.#controller.enqueue(new AudioFrame(silence, RATE, 1, FRAME_SAMPLES));
    }
  }

  speak(): void {
    this.talk();
    this.fallSilent();
  }
}

/** The agent's end: plays in no time, but on hold, an utterance goes on until it is let go. */
export class AgentLine extends voice.AudioOutput {
  #held = false;
  #letGo = false;
  #playing = false;
  #complete = false;
  #ms = 0;

  constructor() {
    super(RATE);
  }

  /** Holds every utterance from now on, until one is interrupted. */
  hold(): void {
    this.#held = true;
  }

  /** The utterance that plays now is heard to its end. */
  release(): void {
    this.#letGo = true;
    if (this.#complete) this.#finish(false);
  }

  override async captureFrame(frame: AudioFrame): Promise<void> {
    await super.captureFrame(frame);
    if (!this.#playing) this.onPlaybackStarted(Date.now());
    this.#playing = true;
    this.#ms += (frame.samplesPerChannel * 1_000) / frame.sampleRate;
  }

  override flush(): void {
    super.flush();
    this.#complete = true;
    if (!this.#held || this.#letGo) this.#finish(false);
  }

  clearBuffer(): void {
    super.flush();
    this.#held = false;
    this.#finish(true);
  }

  #finish(interrupted: boolean): void {
    this.#complete = false;
    this.#letGo = false;
    if (!this.#playing) return;
    this.#playing = false;
    const heardMs = interrupted ? Math.min(this.#ms, 150) : this.#ms;
    this.#ms = 0;
    this.onPlaybackFinished({ playbackPosition: heardMs / 1_000, interrupted });
  }
}
