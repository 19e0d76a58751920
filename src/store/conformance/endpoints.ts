import { describe, expect, it } from 'vitest';
import { newId } from '../../ids.ts';
import type { ApiKeyRecord } from '../endpoint_store.ts';
import { endpoint, settlement, trigger } from './drafts.ts';
import type { StoreUnderTest } from './store_under_test.ts';

/** Endpoints, triggers and API keys as records; what they do is in `fan_out` and `health`. */
export function endpointConformance(t: StoreUnderTest): void {
  describe('endpoints', () => {
    it('are kept as they were given', async () => {
      const made = endpoint({ ordered: true, signatures: ['timestamped'] });
      await t.store.createEndpoint(made);
      expect(await t.store.getEndpoint(made.id)).toEqual(made);
      expect(await t.store.getEndpoint('whe_unknown')).toBeNull();
    });

    it('are paged newest first', async () => {
      const made = [1, 2, 3].map((at) => endpoint({ id: newId('whe', at) }));
      for (const one of made) await t.store.createEndpoint(one);
      const first = await t.store.listEndpoints({ limit: 2 });
      const rest = await t.store.listEndpoints({ limit: 2, before: first.at(-1)!.id });
      const ids = [...first, ...rest].map(({ id }) => id);
      expect(ids).toEqual(made.map(({ id }) => id).reverse());
    });

    it('change what is given and keep the rest', async () => {
      const made = endpoint();
      await t.store.createEndpoint(made);
      const patch = { name: 'new', ordered: true, signatures: ['standard'] as const };
      expect(await t.store.updateEndpoint(made.id, patch)).toEqual({ ...made, ...patch });
      expect(await t.store.updateEndpoint(made.id, {})).toEqual({ ...made, ...patch });
      expect(await t.store.updateEndpoint('whe_unknown', patch)).toBeNull();
    });

    it('forget their failures when they are set active, or lead elsewhere', async () => {
      const failed = { failingSince: 5, disabledReason: 'failing' as const };
      const disabled = endpoint({ status: 'disabled', ...failed });
      await t.store.createEndpoint(disabled);
      expect(await t.store.updateEndpoint(disabled.id, { status: 'active' })).toMatchObject({
        status: 'active',
        disabledReason: null,
        failingSince: null,
      });
      const failing = endpoint({ failingSince: 5 });
      await t.store.createEndpoint(failing);
      expect(await t.store.updateEndpoint(failing.id, { url: failing.url })).toEqual(failing);
      const url = 'https://other.example/';
      expect(await t.store.updateEndpoint(failing.id, { url })).toMatchObject({
        failingSince: null,
      });
    });

    it('keep the secret before for as long as was said', async () => {
      const made = endpoint();
      await t.store.createEndpoint(made);
      const next = { secret: 'sealed-2', previousUntil: t.now + 1000 };
      expect(await t.store.rotateEndpointSecret(made.id, next)).toEqual({
        ...made,
        secret: 'sealed-2',
        previousSecret: 'sealed-1',
        previousUntil: t.now + 1000,
      });
      expect(await t.store.rotateEndpointSecret('whe_unknown', next)).toBeNull();
      const reseal = { 'sealed-1': 'new-1', 'sealed-2': 'new-2', 'sealed-9': 'new-9' };
      expect(await t.store.resealSecrets(reseal)).toBe(2);
      expect(await t.store.getEndpoint(made.id)).toMatchObject({
        secret: 'new-2',
        previousSecret: 'new-1',
      });
    });

    it('take their triggers and what waits with them, silently', async () => {
      const [gone, kept] = [await t.subscribe(), await t.subscribe()];
      const callId = await t.openCall();
      await t.happen(callId, 'a.b', 'a.c');
      const claimed = (await t.claimAll(100)).filter(({ target }) => target === gone);
      expect(claimed).toHaveLength(2);
      expect(await t.store.deleteEndpoint(gone)).toBe(true);
      expect(await t.store.deleteEndpoint(gone)).toBe(false);
      expect(await t.store.listTriggers({ limit: 9, endpointId: gone })).toEqual([]);
      await t.store.settleJobs(claimed.map((job) => settlement(job, { state: 'done' })));
      expect(await t.store.listDeliveries({ limit: 9, endpointId: gone })).toEqual([
        expect.objectContaining({ state: 'exhausted', lastError: 'endpoint_deleted' }),
        expect.objectContaining({ state: 'exhausted', lastError: 'endpoint_deleted' }),
      ]);
      const types = (await t.store.eventsAfter(0, 100)).map(({ type }) => type);
      expect(types).toEqual(['a.b', 'a.c']);
      expect(await t.store.listTriggers({ limit: 9 })).toMatchObject([{ endpointId: kept }]);
      expect(await t.store.replayDeliveries({ endpointId: gone })).toEqual([]);
    });

    it('give up more than one transaction should, claim by claim', async () => {
      await t.open(null);
      const id = await t.subscribe();
      const callId = await t.openCall();
      await t.happen(callId, 'a.b');
      const [first] = await t.store.listDeliveries({ limit: 1 });
      // Left behind by a deletion that could not take them all.
      await t.store.deleteEndpoint(id);
      await t.append({
        callId: null,
        jobs: [{ id: 'job_left', kind: 'crm_write', target: id, body: {} }],
      });
      expect(await t.store.nextDueAt()).toBe(0);
      expect(await t.claimAll()).toEqual([]);
      expect(await t.store.nextDueAt()).toBeNull();
      expect(await t.store.listDeliveries({ limit: 9, state: 'exhausted' })).toMatchObject([
        { id: 'job_left', lastError: 'endpoint_deleted' },
        { id: first!.id },
      ]);
    });
  });

  describe('triggers', () => {
    it('belong to an endpoint', async () => {
      expect(await t.store.createTrigger(trigger({ endpointId: 'whe_unknown' }))).toBe(
        'no_endpoint',
      );
      expect(await t.store.listTriggers({ limit: 9 })).toEqual([]);
    });

    it('are paged newest first, of one endpoint or of all', async () => {
      const [one, other] = [endpoint(), endpoint()];
      for (const made of [one, other]) await t.store.createEndpoint(made);
      const conditions = { outcome: ['INTERESTED'] };
      const made = [1, 2, 3].map((at) =>
        trigger({ id: newId('trg', at), endpointId: at === 2 ? other.id : one.id, conditions }),
      );
      for (const record of made) await t.store.createTrigger(record);
      expect(await t.store.getTrigger(made[0]!.id)).toEqual(made[0]);
      expect(await t.store.getTrigger('trg_unknown')).toBeNull();
      const all = await t.store.listTriggers({ limit: 2 });
      expect(all).toEqual([made[2], made[1]]);
      expect(await t.store.listTriggers({ limit: 2, before: all[1]!.id })).toEqual([made[0]]);
      expect(await t.store.listTriggers({ limit: 9, endpointId: one.id })).toEqual([
        made[2],
        made[0],
      ]);
    });
  });

  describe('API keys', () => {
    const key = (over: Partial<ApiKeyRecord> = {}): ApiKeyRecord => ({
      id: newId('key'),
      name: 'backend',
      hash: 'a'.repeat(64),
      scopes: ['calls:read', 'webhooks'],
      createdAt: Date.UTC(2026, 0, 1),
      revokedAt: null,
      ...over,
    });

    it('are found by their hash until they are revoked', async () => {
      const [first, second] = [key({ id: newId('key', 1) }), key({ hash: 'b'.repeat(64) })];
      await t.store.createApiKey(first);
      await t.store.createApiKey(second);
      expect(await t.store.findApiKey(first.hash)).toEqual(first);
      expect(await t.store.findApiKey('c'.repeat(64))).toBeNull();
      expect(await t.store.revokeApiKey(first.id)).toBe(true);
      expect(await t.store.revokeApiKey(first.id)).toBe(false);
      expect(await t.store.findApiKey(first.hash)).toBeNull();
      expect(await t.store.listApiKeys()).toEqual([second, { ...first, revokedAt: t.now }]);
    });

    it('are never two with one hash', async () => {
      await t.store.createApiKey(key());
      await expect(t.store.createApiKey(key())).rejects.toMatchObject({ code: 'STORE_FAILED' });
    });
  });
}
