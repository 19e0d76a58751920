import { CallRecorder } from '../recording/call_recorder.ts';
import { egressClient, startEgress } from '../recording/egress.ts';
import { RecordingFile } from '../recording/recording_file.ts';
import { unfinishedPath } from '../recording/unfinished.ts';
import type { LiveCall } from './live_call.ts';

type Stoppable = NonNullable<LiveCall['recording']>;

/**
 * Begins to record where the profile wants it. Returns at once: neither a greeting nor an end waits
 * for a disk. Without its file, or without the ledger knowing of it, nothing is recorded, and the call
 * goes on.
 */
export function beginRecording(call: LiveCall): void {
  if (!call.profile?.recording || call.recording || call.ending.signal.aborted) return;
  const begun = (call.settings.recordingEngine === 'egress' ? beginEgress : begin)(call).catch(
    (error: unknown) => {
      tellBroken(call, error);
      return null;
    },
  );
  call.recording = { stop: async () => (await begun)?.stop() };
}

async function begin(call: LiveCall): Promise<Stoppable> {
  const { id, job, caller, profile, settings, journal, log } = call;
  if (!caller) throw new Error('nobody is there to be recorded');
  const onBroken = (error: unknown) => tellBroken(call, error);
  // The file before the fact: what the ledger knows of can be found, also by the next process.
  const file = await RecordingFile.open(unfinishedPath(settings.dataDir, id), { onBroken });
  try {
    await journal.recording({ retainDays: profile?.recording?.retainDays ?? null, egressId: null });
  } catch (error) {
    await file.close();
    throw error;
  }
  log.info('recording');
  return new CallRecorder({ room: job.room, identity: caller.identity, file, log });
}

/** It ends with the room at the latest, which goes also when this process is dead. */
async function beginEgress(call: LiveCall): Promise<Stoppable> {
  const { id, job, profile, settings, journal, log } = call;
  const client = egressClient(settings.livekit);
  const room = job.room.name ?? '';
  const egressId = await startEgress(client, { room, callId: id, place: settings.recordings });
  const stop = async () => {
    await client.stopEgress(egressId).catch((error: unknown) => {
      log.debug({ err: error }, 'egress has ended already, or will with the room');
    });
  };
  try {
    await journal.recording({ retainDays: profile?.recording?.retainDays ?? null, egressId });
  } catch (error) {
    await stop();
    throw error;
  }
  log.info({ egress: egressId }, 'recording by egress');
  return { stop };
}

function tellBroken({ journal, log }: LiveCall, error: unknown): void {
  log.error({ err: error }, 'the recording ends here, the call goes on');
  journal
    .error('recording_stopped', 'the recording ended before the call did')
    .catch(() => undefined);
}
