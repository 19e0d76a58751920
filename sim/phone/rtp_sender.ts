import { randomInt } from 'node:crypto';
import { CallwireError } from '../../src/errors.ts';
import { encodeMulaw } from './mulaw.ts';
import { PcmTrack } from './pcm_track.ts';
import { FRAME_MS, FRAME_SAMPLES, KEYS, writeKey, writeRtp } from './rtp.ts';
import { PCMU } from './sdp.ts';

/** When something was really spoken; times are `performance.now()`. */
export interface Spoken {
  /** Send time of its first packet. */
  startedAt: number;
  /** Send time of its last packet. */
  endedAt: number;
  /** False when the call ended first. */
  complete: boolean;
}

interface Speech {
  samples: Int16Array;
  next: number;
  startedAt: number | undefined;
  done: (spoken: Spoken) => void;
}

interface KeyPress {
  /** Packets still to send; the last three carry the end bit (RFC 4733 2.5.1.4). */
  frames: Array<{ key: string; duration: number; end: boolean } | 'gap'>;
  done: () => void;
}

/**
 * Our side of the audio: a packet every 20 ms from `start` to `stop`, silence when there is
 * nothing to say. The n-th packet is due at start + n·20 ms; a late event loop sends all that is
 * due at once instead of shifting the rest, so the stream never drifts from the clock.
 * Keys interrupt speech, which goes on afterwards.
 */
export class RtpSender {
  /** What we said, keys as silence. */
  readonly said = new PcmTrack();
  readonly #send: (packet: Buffer) => void;
  readonly #ssrc = randomInt(2 ** 32);
  readonly #speeches: Speech[] = [];
  readonly #presses: KeyPress[] = [];
  #sequence = randomInt(2 ** 15);
  #timestamp = randomInt(2 ** 31);
  #keyTimestamp = 0;
  #position = 0;
  #due = 0;
  #timer: NodeJS.Timeout | undefined;
  #state: 'idle' | 'sending' | 'stopped' = 'idle';
  /** Of telephone-event at the other end; undefined where it takes no keys. */
  keysPayloadType: number | undefined;

  constructor(send: (packet: Buffer) => void) {
    this.#send = send;
  }

  start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'sending';
    this.#due = performance.now();
    this.said.start(this.#due);
    this.#tick();
  }

  stop(): void {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    clearTimeout(this.#timer);
    const now = performance.now();
    for (const speech of this.#speeches.splice(0)) {
      speech.done({ startedAt: speech.startedAt ?? now, endedAt: now, complete: false });
    }
    for (const press of this.#presses.splice(0)) press.done();
  }

  /** Speaks after what was given before; aborting drops the rest and rejects with the reason. */
  speak(samples: Int16Array, signal?: AbortSignal): Promise<Spoken> {
    signal?.throwIfAborted();
    const now = performance.now();
    if (this.#state === 'stopped' || samples.length === 0) {
      const complete = this.#state !== 'stopped';
      return Promise.resolve({ startedAt: now, endedAt: now, complete });
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        const at = this.#speeches.indexOf(speech);
        if (at >= 0) this.#speeches.splice(at, 1);
        reject(signal?.reason);
      };
      const speech: Speech = {
        samples,
        next: 0,
        startedAt: undefined,
        done: (spoken) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(spoken);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#speeches.push(speech);
    });
  }

  /**
   * Presses keys one after the other; resolves after the last one's pause. Throws
   * PHONE_KEYS_REFUSED where the other end did not take telephone-event, PHONE_BAD_KEY.
   */
  press(keys: string, pressMs: number, pauseMs: number): Promise<void> {
    if (this.#state === 'stopped' || keys === '') return Promise.resolve();
    if (this.keysPayloadType === undefined) {
      throw new CallwireError('PHONE_KEYS_REFUSED', 'the other end takes no telephone-event keys');
    }
    const frames: KeyPress['frames'] = [];
    for (const key of keys.toUpperCase()) {
      if (!KEYS.includes(key)) {
        throw new CallwireError('PHONE_BAD_KEY', 'a phone has only the keys 0-9, *, # and A-D');
      }
      const packets = Math.max(1, Math.round(pressMs / FRAME_MS));
      for (let i = 1; i <= packets; i++) {
        frames.push({ key, duration: i * FRAME_SAMPLES, end: false });
      }
      const end = { key, duration: packets * FRAME_SAMPLES, end: true };
      frames.push(end, end, end);
      for (let ms = 0; ms < pauseMs; ms += FRAME_MS) frames.push('gap');
    }
    return new Promise((done) => this.#presses.push({ frames, done }));
  }

  #tick(): void {
    const now = performance.now();
    while (this.#state === 'sending' && this.#due <= now) {
      this.#sendFrame();
      this.#due += FRAME_MS;
    }
    if (this.#state !== 'sending') return;
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, this.#due - performance.now()));
  }

  #sendFrame(): void {
    const press = this.#presses[0];
    const frame = press?.frames.shift();
    if (frame && frame !== 'gap') this.#sendKey(frame);
    else this.#sendAudio(frame === 'gap' ? new Int16Array(FRAME_SAMPLES) : this.#nextSamples());
    this.#timestamp += FRAME_SAMPLES;
    this.#position += FRAME_SAMPLES;
    if (press && press.frames.length === 0) {
      this.#presses.shift();
      press.done();
    }
  }

  #sendKey(frame: { key: string; duration: number; end: boolean }): void {
    const first = frame.duration === FRAME_SAMPLES && !frame.end;
    // All packets of a key carry the time at which it went down.
    if (first) this.#keyTimestamp = this.#timestamp;
    this.#sendPacket(this.keysPayloadType!, this.#keyTimestamp, first, writeKey(frame));
    this.said.write(this.#position, new Int16Array(FRAME_SAMPLES));
  }

  #sendAudio(samples: Int16Array): void {
    this.#sendPacket(PCMU, this.#timestamp, this.#position === 0, encodeMulaw(samples));
    this.said.write(this.#position, samples);
  }

  #sendPacket(payloadType: number, timestamp: number, marker: boolean, payload: Uint8Array): void {
    const sequence = this.#sequence++;
    this.#send(writeRtp({ payloadType, marker, sequence, timestamp, ssrc: this.#ssrc, payload }));
  }

  #nextSamples(): Int16Array {
    const frame = new Int16Array(FRAME_SAMPLES);
    for (let filled = 0; filled < frame.length; ) {
      const speech = this.#speeches[0];
      if (!speech) break;
      const now = performance.now();
      speech.startedAt ??= now;
      const part = speech.samples.subarray(speech.next, speech.next + frame.length - filled);
      frame.set(part, filled);
      filled += part.length;
      speech.next += part.length;
      if (speech.next < speech.samples.length) continue;
      this.#speeches.shift();
      speech.done({ startedAt: speech.startedAt, endedAt: now, complete: true });
    }
    return frame;
  }
}
