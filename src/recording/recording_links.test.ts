import { describe, expect, it } from 'vitest';
import type { RecordingRecord } from '../store/recording_store.ts';
import type { FactDraft } from '../store/store.ts';
import { RecordingLinks } from './recording_links.ts';
import { MemoryStorage } from './testing/memory_storage.ts';

const NOW = Date.UTC(2026, 10, 24);
const STORED: RecordingRecord = {
  callId: 'call_1',
  state: 'stored',
  location: 'memory:call_1.wav',
  contentType: 'audio/wav',
  bytes: 5,
  durationMs: 1,
  startedAt: NOW,
  deleteAfter: null,
  createdAt: NOW,
};
const RECORDED: FactDraft = {
  id: 'fct_1',
  kind: 'recording',
  time: NOW,
  data: { startedAt: NOW, retainDays: null },
};

function linksTo(rows: (RecordingRecord | null)[], facts: FactDraft[] = []) {
  let looks = 0;
  return new RecordingLinks({
    storages: [new MemoryStorage()],
    clock: () => NOW + 400,
    storingLimitMs: 300,
    store: {
      getRecording: () => Promise.resolve(rows[Math.min(looks++, rows.length - 1)] ?? null),
      listFacts: () => Promise.resolve(facts),
    },
  });
}

const link = { url: `memory:call_1.wav?until=${NOW + 900_000}`, expiresAt: NOW + 900_000 };
const { signal } = new AbortController();

describe('the URL of a recording', () => {
  it('is made for a quarter of an hour', async () => {
    expect(await linksTo([STORED]).of('call_1')).toEqual(link);
  });

  it('is not given where there is none, it is deleted, or about to be', async () => {
    const gone = { ...STORED, state: 'deleted' as const };
    const due = { ...STORED, deleteAfter: NOW };
    for (const row of [null, gone, due]) expect(await linksTo([row]).of('call_1')).toBeNull();
  });

  it('is waited for while it is being stored, and only then', async () => {
    expect(await linksTo([null, null, STORED], [RECORDED]).soon('call_1', signal)).toEqual(link);
    expect(await linksTo([null]).soon('call_1', signal)).toBeNull();
    expect(await linksTo([null], [RECORDED]).soon('call_1', signal)).toBeNull();
    expect(await linksTo([null], [RECORDED]).soon('call_1', AbortSignal.abort())).toBeNull();
  });
});
