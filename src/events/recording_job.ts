import { z } from 'zod';
import { derivedId, type EventId } from '../ids.ts';
import type { CallHistory } from '../store/event_composer.ts';
import type { CallRecord, FactDraft, JobDraft } from '../store/store.ts';

/** What a call process writes down when it begins to record: what it names is there by then, and may outlive it. */
export const recordingFact = z.object({
  /** Milliseconds. */
  startedAt: z.number(),
  /** `null`: as long as the call. */
  retainDays: z.number().nullable(),
  /** Of LiveKit Egress, where that records; else there is a file. */
  egressId: z.string().nullable().default(null),
});
export type RecordingFact = z.infer<typeof recordingFact>;

export const recordingBody = recordingFact.extend({
  eventId: z.custom<EventId>((id) => typeof id === 'string' && id.startsWith('evt_')),
  endedAt: z.number(),
});
export type RecordingBody = z.infer<typeof recordingBody>;

/** Whether, and how, a call was recorded: the first that began counts, others went on with its file. */
export function recordingOf(facts: readonly FactDraft[]): RecordingFact | null {
  const fact = facts.find(({ kind }) => kind === 'recording');
  return recordingFact.safeParse(fact?.data).data ?? null;
}

/**
 * Has the file of a recorded call put where recordings are kept (`src/recording/recording_handler.ts`).
 * Made inside the append of `call.ended`, whoever appends it: the process that recorded may be dead.
 */
export function recordingJob(call: CallRecord, { facts }: CallHistory): JobDraft | null {
  const recording = recordingOf(facts);
  if (recording === null) return null;
  const endedAt = call.endedAt ?? call.createdAt;
  const body: RecordingBody = {
    ...recording,
    eventId: derivedId('evt', endedAt, `${call.id} call.recording_ready`),
    endedAt,
  };
  return {
    id: derivedId('job', call.createdAt, `${call.id} recording`),
    kind: 'recording',
    target: 'recordings',
    body,
  };
}
