import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { endedCall, write } from '../src/api/testing/written_call.ts';
import { LiveProfiles } from '../src/config/live_profiles.ts';
import { logger } from '../src/config/log.ts';
import { loadSettings } from '../src/config/settings.ts';
import { draftEvent } from '../src/events/catalogue.ts';
import { newId } from '../src/ids.ts';
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

/*
 * The worker starts with a profile that has no call follow. Its file gains a rule, which is in use from
 * the next look on; then a call of that agent is completed. Which agents are followed was once decided at
 * the start, and this call led to nothing.
 */
it('calls are followed by the profile as it is then, not as it was when the worker started', async () => {
  const cwd = await commandFolder();
  const dir = join(cwd, 'profiles');
  await mkdir(dir);
  const desk = 'name: Desk\nprompt: Answer.\n';
  await writeFile(join(dir, 'desk.yaml'), desk);
  const live = await LiveProfiles.load({ dir, log: logger('test') });
  const env = {
    DATA_DIR: 'data',
    SIP_OUTBOUND_ADDRESS: 'sip.example.com',
    SIP_CALLER_NUMBER: '+12125550111',
  };
  const record = await startRecord(loadSettings({ cwd, env }), {
    livekit: {} as LiveKitApi,
    // Nothing is dialled before LiveKit knows the worker.
    load: { ...idle, registered: new Promise<void>(() => undefined) },
    profiles: live,
  });
  onTestFinished(() => record.close());

  const rule = '{ on: call.completed, when: "true", call_with: desk, known_consent: true }';
  await writeFile(join(dir, 'desk.yaml'), `${desk}rules:\n  - ${rule}\n`);
  await live.refresh();
  const id = newId('call');
  const called = { direction: 'inbound', from: '+12125550100', to: '+12125550111' } as const;
  await write(record.store, {
    callId: id,
    open: { id, ...called, agentId: 'desk', room: 'room', metadata: {}, time: Date.now() },
    events: [
      draftEvent('call.answered', { ring_ms: 1, context: 'none' }),
      draftEvent('call.ended', { end_reason: 'caller_hung_up' }),
    ],
  });
  const following = async () =>
    (await record.store.listCalls({ limit: 9 })).filter(
      ({ outbound }) => outbound?.followsCallId === id,
    );
  await expect.poll(following, { timeout: 10_000 }).toHaveLength(1);
  expect(await following()).toMatchObject([{ agentId: 'desk', to: called.from }]);
});
