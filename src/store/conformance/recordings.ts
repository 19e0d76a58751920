import { describe, expect, it } from 'vitest';
import { endedEvent, recordingOf } from './drafts.ts';
import { START, type StoreUnderTest } from './store_under_test.ts';

/** What is known of recordings. */
export function recordingConformance(t: StoreUnderTest): void {
  describe('recordings', () => {
    it('are written with an append, once', async () => {
      const callId = await t.openCall();
      expect(await t.store.getRecording(callId)).toBeNull();
      const recording = recordingOf(callId);
      await t.append({ callId, lease: 1, recording });
      await t.append({ callId, lease: 1, recording: { ...recording, bytes: 1 } });
      expect(await t.store.getRecording(callId)).toEqual(recording);
    });

    it('are deleted when their time is over', async () => {
      const [soon, never] = [await t.openCall(), await t.openCall()];
      const ends = { events: [endedEvent()] };
      await t.append(
        { callId: soon, lease: 1, recording: recordingOf(soon, { deleteAfter: START + 1000 }) },
        { callId: never, lease: 1, recording: recordingOf(never), ...ends },
      );
      const due = async (now: number) =>
        (await t.store.recordingsToDelete({ now, limit: 10 })).map(({ callId }) => callId);
      expect(await due(START + 999)).toEqual([]);
      expect(await due(START + 1000)).toEqual([soon]);
      expect(await t.store.recordingDeleted(soon)).toBe(true);
      expect(await t.store.recordingDeleted(soon)).toBe(false);
      expect(await due(START + 1000)).toEqual([]);
      expect(await t.store.getRecording(soon)).toMatchObject({ state: 'deleted' });
    });
  });
}
