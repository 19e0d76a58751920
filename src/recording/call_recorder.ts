import {
  AudioStream,
  type LocalTrackPublication,
  type RemoteParticipant,
  type RemoteTrack,
  type RemoteTrackPublication,
  type Room,
  RoomEvent,
  type Track,
  TrackKind,
} from '@livekit/rtc-node';
import type { Logger } from 'pino';
import { Lane } from './lane.ts';
import type { RecordingFile } from './recording_file.ts';
import { SAMPLE_RATE } from './wav.ts';

/** Half of it is how long a `Lane` knows what follows; 32 KB of sound. */
const WRITE_EVERY_MS = 500;

/** Fewer, larger frames: each costs the event loop a message of the native side. */
const FRAME_MS = 40;

export interface CallRecorderOptions {
  room: Room;
  /** Of the other party in the room. */
  identity: string;
  file: RecordingFile;
  log: Logger;
}

/**
 * Records a call from its room: the other party's tracks on the left, our own on the right. Ours are
 * taken where the native side takes them to send them, so a barge-in cuts the recording where it cuts
 * the speech (agents-js' recorder has them from its own reckoning, and pipes both into an ffmpeg).
 *
 * ```
 * recording ── every 500 ms: mix, append ⟲ ── stop() ──► stopped: the file is whole
 * ```
 *
 * Each step settles the time up to the step before it. What was said by then has been delivered by now,
 * even if the event loop stood still in between: its timers run before what waits for it.
 */
export class CallRecorder {
  readonly #options: CallRecorderOptions;
  readonly #startedAt = performance.now();
  readonly #lanes: { caller: Set<Lane>; agent: Set<Lane> } = {
    caller: new Set(),
    agent: new Set(),
  };
  readonly #streams = new Set<{ close(): void }>();
  readonly #timer: NodeJS.Timeout;
  /** Samples written. */
  #cursor = 0;
  #settled = 0;
  #stopping: Promise<void> | undefined;

  /** Begins now. */
  constructor(options: CallRecorderOptions) {
    this.#options = options;
    this.#attach();
    this.#timer = setInterval(() => this.#step(), WRITE_EVERY_MS);
    this.#timer.unref();
  }

  /** Ends with this moment and resolves when everything is in the file. Never rejects. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const { room, log, file } = this.#options;
    clearInterval(this.#timer);
    room.off(RoomEvent.TrackSubscribed, this.#onRemote);
    room.off(RoomEvent.LocalTrackPublished, this.#onLocal);
    for (const stream of this.#streams) stream.close();
    this.#write(this.#now());
    await file.close();
    const { dropped, bytes } = file;
    const line = { bytes, dropped_bytes: dropped, seconds: this.#cursor / SAMPLE_RATE };
    if (dropped > 0) log.warn(line, 'parts of the recording are missing: the disk was too slow');
    else log.info(line, 'recorded');
  }

  #attach(): void {
    const { room, identity } = this.#options;
    room.on(RoomEvent.TrackSubscribed, this.#onRemote);
    room.on(RoomEvent.LocalTrackPublished, this.#onLocal);
    for (const { track } of room.localParticipant?.trackPublications.values() ?? []) {
      this.#listen(track, this.#lanes.agent);
    }
    const other = room.remoteParticipants.get(identity);
    for (const { track } of other?.trackPublications.values() ?? []) {
      this.#listen(track, this.#lanes.caller);
    }
  }

  readonly #onRemote = (
    track: RemoteTrack,
    _publication: RemoteTrackPublication,
    { identity }: RemoteParticipant,
  ): void => {
    if (identity === this.#options.identity) this.#listen(track, this.#lanes.caller);
  };

  readonly #onLocal = ({ track }: LocalTrackPublication): void => {
    this.#listen(track, this.#lanes.agent);
  };

  #listen(track: Track | undefined, lanes: Set<Lane>): void {
    if (track?.kind !== TrackKind.KIND_AUDIO) return;
    const format = { sampleRate: SAMPLE_RATE, numChannels: 1, frameSizeMs: FRAME_MS };
    const reader = new AudioStream(track, format).getReader();
    const lane = new Lane();
    lanes.add(lane);
    const stream = { close: () => void reader.cancel().catch(() => undefined) };
    this.#streams.add(stream);
    const read = async () => {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        lane.push(next.value.data, this.#now());
      }
    };
    read()
      .catch((error: unknown) => this.#options.log.warn({ err: error }, 'a track broke off'))
      .finally(() => this.#streams.delete(stream));
  }

  /** Samples since the beginning. */
  #now(): number {
    return Math.round(((performance.now() - this.#startedAt) * SAMPLE_RATE) / 1_000);
  }

  #step(): void {
    this.#write(this.#settled);
    this.#settled = this.#now();
  }

  #write(until: number): void {
    const length = until - this.#cursor;
    if (length <= 0) return;
    const left = mixed(this.#lanes.caller, this.#cursor, length);
    const right = mixed(this.#lanes.agent, this.#cursor, length);
    this.#cursor = until;
    const block = Buffer.alloc(length * 4);
    for (let i = 0; i < length; i++) {
      block.writeInt16LE(clamped(left[i] ?? 0), i * 4);
      block.writeInt16LE(clamped(right[i] ?? 0), i * 4 + 2);
    }
    this.#options.file.append(block);
  }
}

function mixed(lanes: ReadonlySet<Lane>, from: number, length: number): Float32Array {
  const mix = new Float32Array(length);
  for (const lane of lanes) lane.mixInto(mix, from);
  return mix;
}

function clamped(sample: number): number {
  return Math.max(-32_768, Math.min(32_767, sample));
}
