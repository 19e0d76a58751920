import {
  AudioStream,
  type RemoteParticipant,
  type RemoteTrack,
  type RemoteTrackPublication,
  type Room,
  RoomEvent,
  TrackKind,
} from '@livekit/rtc-node';
import type { Logger } from 'pino';

/** Each frame costs the event loop a message of the native side. */
const FRAME_MS = 40;

/**
 * The sound of one participant as it comes, beside what the model hears of it. Ends with `signal`; a
 * track that breaks off is logged, and nothing more comes.
 */
export function followAudio(
  { room, identity, sampleRate }: { room: Room; identity: string; sampleRate: number },
  onSamples: (pcm: Int16Array) => void,
  { signal, log }: { signal: AbortSignal; log: Logger },
): void {
  const follow = (track: RemoteTrack | undefined) => {
    if (track?.kind !== TrackKind.KIND_AUDIO || signal.aborted) return;
    const format = { sampleRate, numChannels: 1, frameSizeMs: FRAME_MS };
    const reader = new AudioStream(track, format).getReader();
    const stop = () => void reader.cancel().catch(() => undefined);
    signal.addEventListener('abort', stop, { once: true });
    const read = async () => {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        if (!signal.aborted) onSamples(next.value.data);
      }
    };
    read()
      .catch((error: unknown) => log.warn({ err: error }, 'the sound of the line broke off'))
      .finally(() => signal.removeEventListener('abort', stop));
  };
  const onTrack = (
    track: RemoteTrack,
    _publication: RemoteTrackPublication,
    participant: RemoteParticipant,
  ) => {
    if (participant.identity === identity) follow(track);
  };
  room.on(RoomEvent.TrackSubscribed, onTrack);
  signal.addEventListener('abort', () => room.off(RoomEvent.TrackSubscribed, onTrack), {
    once: true,
  });
  for (const { track } of room.remoteParticipants.get(identity)?.trackPublications.values() ?? []) {
    follow(track);
  }
}
