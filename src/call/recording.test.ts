import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Settings } from '../config/settings.ts';
import { unfinishedPath } from '../recording/unfinished.ts';
import { WAV_HEADER_BYTES } from '../recording/wav.ts';
import { until } from '../tools/testing/until.ts';
import { beginRecording } from './recording.ts';
import { CALL_ID, fakeLiveCall, PROFILE } from './testing/fake_live_call.ts';

const RECORDED = { ...PROFILE, recording: { afterDisclosure: false, retainDays: 30 } };

async function answered(overrides: Partial<Settings> = {}) {
  const made = await mkdtempDisposable(join(tmpdir(), 'callwire-call-'));
  onTestFinished(() => made.remove());
  const settings = { dataDir: made.path, recordingEngine: 'call', ...overrides } as Settings;
  const fake = fakeLiveCall({ profile: RECORDED, settings });
  return { ...fake, dataDir: made.path, path: unfinishedPath(made.path, CALL_ID) };
}

describe('a call that shall be recorded', () => {
  it('says so to the ledger when the file is there, and leaves a WAV file', async () => {
    const { call, ledger, path } = await answered();
    beginRecording(call);
    beginRecording(call);
    await until(() => ledger.appends.length > 0);
    await call.recording?.stop();
    expect(ledger.appends.flatMap(({ facts = [] }) => facts)).toMatchObject([
      { kind: 'recording', data: { retainDays: 30, egressId: null } },
    ]);
    expect(ledger.events).toEqual([]);
    expect((await readFile(path)).toString('latin1', 0, 4)).toBe('RIFF');
  });

  it('goes on without where its file cannot be made', async () => {
    const { call, ledger, dataDir } = await answered();
    await writeFile(join(dataDir, 'recordings-unfinished'), 'in the way');
    beginRecording(call);
    await until(() => ledger.appends.length > 0);
    await call.recording?.stop();
    expect(ledger.events).toMatchObject([
      { type: 'call.error', data: { code: 'recording_stopped' } },
    ]);
    expect(call.ending.signal.aborted).toBe(false);
  });

  it('records nothing that the ledger does not know of', async () => {
    const { call, ledger, path } = await answered();
    ledger.failure = new Error('the disk is full');
    beginRecording(call);
    await call.recording?.stop();
    expect((await readFile(path)).length).toBe(WAV_HEADER_BYTES);
  });

  it('goes on without where egress cannot be started', async () => {
    const livekit = {
      url: 'ws://127.0.0.1:9',
      apiKey: 'APItest',
      apiSecret: 'x'.repeat(32),
      agentName: 'x',
    };
    const { call, ledger } = await answered({
      livekit,
      recordingEngine: 'egress',
      recordings: { kind: 's3', bucket: 'made-up-bucket', prefix: '' },
    });
    beginRecording(call);
    await until(() => ledger.appends.length > 0);
    await call.recording?.stop();
    expect(ledger.events).toMatchObject([{ data: { code: 'recording_stopped' } }]);
  });

  it('is not begun where the profile does not want it, or the call has ended', async () => {
    const { call } = await answered();
    call.profile = PROFILE;
    beginRecording(call);
    call.profile = RECORDED;
    void call.ending.end('caller_hung_up');
    beginRecording(call);
    expect(call.recording).toBeUndefined();
  });
});
