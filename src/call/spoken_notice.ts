import { readFile } from 'node:fs/promises';
import {
  AudioFrame,
  AudioSource,
  LocalAudioTrack,
  type Room,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';

/** The recording's format; the file is raw signed 16-bit PCM behind a 44-byte WAV header. */
const SAMPLE_RATE = 16_000;
const WAV_HEADER_BYTES = 44;
const FRAME_SAMPLES = SAMPLE_RATE / 50;

/** livekit-sip needs 100 to 200 ms to take up a new track; without the pause the first word is lost. */
const LEAD_IN_MS = 400;

/**
 * Plays the recorded apology for a call whose model is gone: no model, no voice, but a caller who
 * must hear why the line goes dead. Resolves when it has been played, or `signal` fires.
 */
export async function playTechnicalDifficulties(room: Room, signal: AbortSignal): Promise<void> {
  const file = await readFile(new URL('./technical_difficulties.wav', import.meta.url));
  const bytes = file.subarray(WAV_HEADER_BYTES);
  const speech = new Int16Array(bytes.length >> 1);
  for (let i = 0; i < speech.length; i++) speech[i] = bytes.readInt16LE(i * 2);

  const source = new AudioSource(SAMPLE_RATE, 1);
  const track = LocalAudioTrack.createAudioTrack('notice', source);
  const options = new TrackPublishOptions();
  options.source = TrackSource.SOURCE_MICROPHONE;
  const publication = await room.localParticipant?.publishTrack(track, options);
  try {
    const leadIn = new Int16Array((SAMPLE_RATE * LEAD_IN_MS) / 1000);
    for (const part of [leadIn, speech]) {
      for (let at = 0; at < part.length && !signal.aborted; at += FRAME_SAMPLES) {
        const frame = part.slice(at, at + FRAME_SAMPLES);
        await source.captureFrame(new AudioFrame(frame, SAMPLE_RATE, 1, frame.length));
      }
    }
    if (!signal.aborted) await source.waitForPlayout();
  } finally {
    if (publication?.sid && room.isConnected) {
      await room.localParticipant?.unpublishTrack(publication.sid).catch(() => undefined);
    }
    await source.close();
  }
}
