import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LIST_PRICES } from '../cost/price_table.ts';
import { draftEvent } from '../events/catalogue.ts';
import { newId } from '../ids.ts';
import type { Append, FactDraft, Store } from '../store/store.ts';
import { spyOnSyncs } from '../store/testing/spy_on_syncs.ts';
import { openStore } from './open_store.ts';

describe('the store in its thread', () => {
  let dataDir: string;
  let store: Store;
  const callId = newId('call');

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'callwire-thread-'));
    store = await openStore({ dataDir, defaultEndpoint: { perEvent: true } });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await store.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const opened = (entry: Partial<Append> = {}): Append => ({
    callId,
    lease: 1,
    open: {
      id: callId,
      direction: 'inbound',
      from: '+15550100001',
      to: '+15550100000',
      agentId: 'receptionist',
      room: 'room-1',
      metadata: {},
      time: 1_000,
    },
    ...entry,
  });

  const noteCall: FactDraft = {
    id: `${callId}:fc_2`,
    kind: 'tool_call',
    time: 4_000,
    data: { name: 'update_crm_note', arguments: { note: 'Prefers mornings.' } },
  };

  it('writes a whole call with the events of the catalogue', async () => {
    const context = {
      id: newId('fct'),
      kind: 'context' as const,
      time: 1_500,
      data: { state: 'ready', ms: 120, contact: { id: '42', name: 'Ada' } },
    };
    const results = await store.append([
      opened({ events: [draftEvent('call.started', {}, { time: 1_000 })] }),
      { callId, lease: 1, facts: [context] },
      {
        callId,
        lease: 1,
        events: [draftEvent('call.answered', { ring_ms: 900, context: 'ready' }, { time: 2_000 })],
      },
      {
        callId,
        lease: 1,
        facts: [noteCall],
        events: [
          draftEvent('transcript.final', { role: 'caller', text: 'Hello.', item_id: 'i' }),
          draftEvent('intent.recorded', { intent: 'book_viewing', tool_call_id: 'fc_1' }),
        ],
      },
      {
        callId,
        lease: 1,
        events: [draftEvent('call.ended', { end_reason: 'caller_hung_up' }, { time: 32_000 })],
      },
    ]);
    expect(results.map(({ status }) => status)).toEqual(Array(5).fill('appended'));

    const jobs = await store.claimJobs({ limit: 20, perTarget: 20, leaseMs: 60_000 });
    const bodies = jobs.flatMap(({ event }) => (event ? [JSON.parse(event.body)] : []));
    const told = bodies.map((body) => [body.sequence, body.event]).sort();
    expect(told).toEqual([
      [1, 'call.started'],
      [2, 'call.answered'],
      [3, 'intent.recorded'],
      [4, 'call.ended'],
    ]);
    expect(bodies.find((body) => body.event === 'call.ended').data).toMatchObject({
      duration_seconds: 30,
      transcript: 'Caller: Hello.',
      contact: { id: '42', name: 'Ada', phone: '+15550100001' },
    });
    expect(jobs.find((job) => job.kind === 'crm_write')).toMatchObject({
      target: 'crm',
      callId,
      body: {
        operation: 'activity',
        id: expect.stringMatching(/^job_/),
        contactId: '42',
        phone: '+15550100001',
        activity: {
          type: 'call',
          phone: '+15550100001',
          duration_seconds: 30,
          intent: 'book_viewing',
          summary: 'Prefers mornings.',
          transfer_to: null,
        },
      },
    });
  });

  it('completes a call that was never answered as well, but writes no activity of it', async () => {
    const events = [
      draftEvent('call.failed', { sip_status: 487, reason: 'caller_hung_up' }),
      draftEvent('call.ended', { end_reason: 'caller_hung_up' }),
    ];
    await store.append([opened({ events })]);
    const jobs = await store.claimJobs({ limit: 20, perTarget: 20, leaseMs: 60_000 });
    expect(jobs.map(({ kind }) => kind)).toEqual(['webhook', 'webhook', 'completion']);
  });

  it('says what a call cost by the prices it was opened with', async () => {
    await store.close();
    const telephony = { ...LIST_PRICES.telephony, inboundMinute: 7 };
    const prices = { ...LIST_PRICES, telephony };
    store = await openStore({ dataDir, defaultEndpoint: null, prices });
    const usage = {
      id: newId('fct'),
      kind: 'usage' as const,
      time: 1,
      data: { model: 'gpt-realtime' },
    };
    const events = [
      draftEvent('call.answered', { ring_ms: 900, context: 'none' }, { time: 2_000 }),
      draftEvent('call.ended', { end_reason: 'caller_hung_up' }, { time: 32_000 }),
    ];
    await store.append([opened({ facts: [usage], events })]);
    const [, ended] = await store.listCallEvents(callId);
    expect(JSON.parse(ended?.body ?? '').data.cost).toMatchObject({
      model: 0,
      telephony: 7,
      total: 7,
    });
    expect(await store.getCall(callId)).toMatchObject({ costMicrousd: 7_000_000 });
  });

  it('carries errors across with their code and remedy', async () => {
    const second = openStore({ dataDir, defaultEndpoint: null });
    await expect(second).rejects.toMatchObject({
      name: 'CallwireError',
      code: 'DATA_DIR_LOCKED',
      message: expect.stringContaining(`pid ${process.pid}`),
      remedy: expect.any(String),
    });
    const entry = { id: 'e', contactId: null, phone: null, kind: 'note' as const, time: 1 };
    await expect(store.addContactEntry({ ...entry, data: {} })).rejects.toMatchObject({
      code: 'CONTACT_PHONE_MISSING',
    });
  });

  it('wakes whoever waits for jobs', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const unsubscribe = store.onJobs(() => resolve());
    await store.append([opened({ events: [draftEvent('call.started', {})] })]);
    await promise;
    unsubscribe();
  });

  /** Its thread leaves every fsync to us, who can hold it up. */
  const withoutQuickFsyncs = async () => {
    await store.close();
    store = await openStore({ dataDir, defaultEndpoint: null, quickFsyncMs: 0 });
  };

  it('acknowledges when the commit is on the disk; reads wait for no disk', async () => {
    await withoutQuickFsyncs();
    const disk = Promise.withResolvers<void>();
    const datasync = await spyOnSyncs(() => disk.promise);
    let acknowledged = false;
    const appended = store.append([opened()]).then((results) => {
      acknowledged = true;
      return results;
    });
    await vi.waitFor(() => expect(datasync).toHaveBeenCalled());
    expect(await store.getCall(callId)).not.toBeNull();
    expect(acknowledged).toBe(false);
    disk.resolve();
    expect(await appended).toEqual([{ status: 'appended' }]);
  });

  it('promises nothing more once the disk has failed to keep something', async () => {
    await withoutQuickFsyncs();
    const failing = Object.assign(new Error('i/o error'), { code: 'EIO' });
    await spyOnSyncs(() => Promise.reject(failing));
    const broken = { code: 'STORE_IO', retryable: false, remedy: expect.any(String) };
    await expect(store.append([opened()])).rejects.toMatchObject(broken);
    vi.restoreAllMocks();
    await expect(store.append([opened()])).rejects.toMatchObject(broken);
  });

  it('finishes what was asked before it was closed, and frees DATA_DIR', async () => {
    const asked = store.append([opened({ events: [draftEvent('call.started', {})] })]);
    await store.close();
    expect(await asked).toEqual([{ status: 'appended' }]);
    await expect(store.getCall(callId)).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    store = await openStore({ dataDir, defaultEndpoint: null });
    expect(await store.listCallEvents(callId)).toHaveLength(1);
  });
});
