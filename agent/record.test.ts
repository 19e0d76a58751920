import { expect, it, onTestFinished } from 'vitest';
import { endedCall } from '../src/api/testing/written_call.ts';
import { loadSettings } from '../src/config/settings.ts';
import { openStore } from '../src/ledger/open_store.ts';
import type { Store } from '../src/store/store.ts';
import type { LiveKitApi } from '../src/telephony/livekit_api.ts';
import { startRecord } from './record.ts';
import { commandFolder } from './testing/run_command.ts';
import { idle, profiles } from './testing/running_api.ts';

const DAY_MS = 86_400_000;

/** Everything that waits has been delivered. */
async function settleAll(store: Store): Promise<void> {
  const attempt = { at: Date.now(), durationMs: 1, status: 200, error: null, response: 'thanks' };
  for (const { id, claimId } of await store.claimJobs({ limit: 99, perTarget: 99, leaseMs: 9_000 }))
    await store.settleJobs([{ jobId: id, claimId, attempt, next: { state: 'done' } }]);
}

it('a worker removes the calls whose RETAIN_DAYS are over, but for those that wait', async () => {
  const cwd = await commandFolder();
  const env = { DATA_DIR: 'data', RETAIN_DAYS: '30', WEBHOOK_URL: 'http://127.0.0.1:1/hook' };
  const settings = loadSettings({ cwd, env });
  const before = await openStore({
    dataDir: settings.dataDir,
    defaultEndpoint: { perEvent: false },
  });
  const old = await endedCall(before, Date.now() - 31 * DAY_MS);
  const young = await endedCall(before, Date.now() - 29 * DAY_MS);
  const [delivery] = await before.listDeliveries({ limit: 1, callId: old });
  await settleAll(before);
  const undelivered = await endedCall(before, Date.now() - 31 * DAY_MS);
  await before.close();

  // Without a secret deliveries wait.
  const livekit = {} as LiveKitApi;
  const record = await startRecord(settings, { livekit, load: idle, profiles });
  onTestFinished(() => record.close());
  const { store } = record;
  await expect.poll(() => store.getCall(old), { timeout: 10_000 }).toBeNull();
  expect(await store.getDelivery(delivery!.id)).toBeNull();
  expect(await store.listAttempts(delivery!.id)).toEqual([]);
  for (const callId of [young, undelivered]) {
    const types = (await store.listCallEvents(callId)).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['call.started', 'call.ended']));
  }
  const left = (await store.eventsAfter(0, 99)).map(({ callId }) => callId);
  expect(new Set(left)).toEqual(new Set([young, undelivered]));
});
