import { hasTone, LOUD_RMS, rms, type ToneRule } from './audio_analysis.ts';
import { decodeMulaw } from './mulaw.ts';
import { PcmTrack } from './pcm_track.ts';
import { type RtpPacket, readKey } from './rtp.ts';
import { PCMU } from './sdp.ts';
import { waitUntil } from './wait.ts';
import { PHONE_RATE } from './wav.ts';

/** One audio packet as it came. */
export interface HeardPacket {
  /** `performance.now()` when the event loop had it. */
  arrival: number;
  rtpTimestamp: number;
  sequence: number;
  /** Its first sample's place in `samples()`. */
  position: number;
  sampleCount: number;
  rms: number;
}

export interface HeardKey {
  key: string;
  at: number;
}

/** A stream whose timestamps run this far from the clock was restarted, not delayed. */
const RESTART_SAMPLES = 10 * PHONE_RATE;

/**
 * What the phone hears. Samples stand where their RTP timestamps put them, so network jitter is
 * not in the audio; when each packet came is kept beside it. Lost packets are silence.
 */
export class Heard {
  /** Every audio packet, in the order of arrival. */
  readonly packets: HeardPacket[] = [];
  /** Keys the other side pressed. */
  readonly keys: HeardKey[] = [];
  readonly track = new PcmTrack();
  /** Packets that never came, came twice, or came from a new source. */
  readonly trouble = { lost: 0, repeated: 0, restarts: 0 };
  readonly #wakes = new Set<() => void>();
  readonly #onFirstLoud: (at: number) => void;
  #anchor: { ssrc: number; timestamp: number; position: number } | undefined;
  #lastCounted: { ssrc: number; sequence: number } | undefined;
  #lastKeyTimestamp: number | undefined;
  #loud = false;

  constructor(onFirstLoud: (at: number) => void = () => {}) {
    this.#onFirstLoud = onFirstLoud;
  }

  /** Everything heard so far, 8 kHz mono from the first packet on. */
  samples(): Int16Array {
    return this.track.samples();
  }

  receive(packet: RtpPacket, keysPayloadType: number | undefined, arrival: number): void {
    this.#count(packet);
    if (packet.payloadType === keysPayloadType) this.#receiveKey(packet, arrival);
    else if (packet.payloadType === PCMU) this.#receiveAudio(packet, arrival);
    for (const wake of [...this.#wakes]) wake();
  }

  /**
   * Waits until `frequency` has been heard for `minMs`; `at` is the arrival of the first 20 ms of
   * it. Only packets that came after `after` count. (Defaults: 100 ms, the whole call, 10 s)
   */
  waitForTone(
    frequency: number,
    options: ToneRule & { minMs?: number; after?: number; deadlineMs?: number } = {},
    signal?: AbortSignal,
  ): Promise<{ at: number }> {
    const needed = ((options.minMs ?? 100) * PHONE_RATE) / 1000;
    let next = 0;
    let since: HeardPacket | undefined;
    return this.#wait(`tone of ${frequency} Hz`, options.deadlineMs ?? 10_000, signal, () => {
      for (; next < this.packets.length; next++) {
        const packet = this.packets[next]!;
        if (packet.arrival <= (options.after ?? 0)) continue;
        const end = packet.position + packet.sampleCount;
        const there = hasTone(this.track.samples(packet.position, end), frequency, options);
        since = there ? (since ?? packet) : undefined;
        if (since && end - since.position >= needed) return { at: since.arrival };
      }
      return undefined;
    });
  }

  /** Waits for sound of any kind; `at` is the arrival of its first packet. (Default: 10 s) */
  waitForSound(
    options: { minRms?: number; after?: number; deadlineMs?: number } = {},
    signal?: AbortSignal,
  ): Promise<{ at: number }> {
    return this.#wait('sound', options.deadlineMs ?? 10_000, signal, () => {
      const at = this.firstLoudAt(options.after, options.minRms);
      return at === undefined ? undefined : { at };
    });
  }

  /**
   * Waits until nothing has been heard for `forMs`, whether silence arrives or no packet at all;
   * `at` is the arrival of the last loud packet (of `after` where there was none).
   * (Defaults: 300 ms, from now on, 10 s)
   */
  waitForSilence(
    options: { forMs?: number; after?: number; minRms?: number; deadlineMs?: number } = {},
    signal?: AbortSignal,
  ): Promise<{ at: number }> {
    const after = options.after ?? performance.now();
    return this.#wait('silence', options.deadlineMs ?? 10_000, signal, () => {
      const last = this.lastLoudAt(options.minRms);
      const at = last === undefined || last < after ? after : last;
      return performance.now() - at >= (options.forMs ?? 300) ? { at } : undefined;
    });
  }

  /** Waits for as many keys, all of the call counted. (Default: 10 s) */
  async waitForKeys(count: number, signal?: AbortSignal, deadlineMs = 10_000): Promise<string> {
    await this.#wait(`${count} keys`, deadlineMs, signal, () =>
      this.keys.length >= count ? true : undefined,
    );
    return this.keys.map(({ key }) => key).join('');
  }

  /** Arrival of the first loud packet after `after`. */
  firstLoudAt(after = 0, minRms: number = LOUD_RMS): number | undefined {
    return this.packets.find((packet) => packet.arrival > after && packet.rms >= minRms)?.arrival;
  }

  /** Arrival of the last loud packet before `before`. */
  lastLoudAt(minRms: number = LOUD_RMS, before = Number.POSITIVE_INFINITY): number | undefined {
    return this.packets.findLast((packet) => packet.arrival < before && packet.rms >= minRms)
      ?.arrival;
  }

  /** Keys and audio share one sequence (RFC 4733 2.1), so every packet counts. */
  #count(packet: RtpPacket): void {
    const last = this.#lastCounted;
    const step = last ? ((packet.sequence - last.sequence) << 16) >> 16 : 1;
    if (last && last.ssrc !== packet.ssrc) {
      this.#lastCounted = packet;
    } else if (step > 0) {
      this.trouble.lost += step - 1;
      this.#lastCounted = packet;
    } else if (step === 0) {
      this.trouble.repeated += 1;
    } else if (this.trouble.lost > 0) {
      this.trouble.lost -= 1; // it was late, not lost
    }
  }

  #receiveAudio(packet: RtpPacket, arrival: number): void {
    const samples = decodeMulaw(packet.payload);
    const position = this.#place(packet, arrival);
    const heard = {
      arrival,
      rtpTimestamp: packet.timestamp,
      sequence: packet.sequence,
      position,
      sampleCount: samples.length,
      rms: rms(samples),
    };
    this.track.write(position, samples);
    this.packets.push(heard);
    if (this.#loud || heard.rms < LOUD_RMS) return;
    this.#loud = true;
    this.#onFirstLoud(arrival);
  }

  #place(packet: RtpPacket, arrival: number): number {
    if (!this.#anchor) {
      this.track.start(arrival);
      this.#anchor = { ssrc: packet.ssrc, timestamp: packet.timestamp, position: 0 };
      return 0;
    }
    const anchor = this.#anchor;
    const clock = Math.round(((arrival - this.track.startedAt!) * PHONE_RATE) / 1000);
    const position = anchor.position + ((packet.timestamp - anchor.timestamp) | 0);
    if (packet.ssrc !== anchor.ssrc || Math.abs(position - clock) > RESTART_SAMPLES) {
      this.trouble.restarts += 1;
      const restart = Math.max(clock, this.track.length);
      this.#anchor = { ssrc: packet.ssrc, timestamp: packet.timestamp, position: restart };
      return restart;
    }
    // Signed 32-bit differences wrap after 74 h; an anchor that moves along never comes near.
    this.#anchor = { ssrc: packet.ssrc, timestamp: packet.timestamp, position };
    return position;
  }

  #receiveKey(packet: RtpPacket, at: number): void {
    const event = readKey(packet.payload);
    // One key is many packets with one timestamp.
    if (!event || packet.timestamp === this.#lastKeyTimestamp) return;
    this.#lastKeyTimestamp = packet.timestamp;
    this.keys.push({ key: event.key, at });
  }

  #wait<T>(
    what: string,
    deadlineMs: number,
    signal: AbortSignal | undefined,
    check: () => T | undefined,
  ): Promise<T> {
    return waitUntil({
      what,
      check,
      deadlineMs,
      signal,
      subscribe: (wake) => {
        this.#wakes.add(wake);
        return () => this.#wakes.delete(wake);
      },
    });
  }
}
