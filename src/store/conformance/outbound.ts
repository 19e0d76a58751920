import { describe, expect, it } from 'vitest';
import { newId } from '../../ids.ts';
import { acceptedCall, endedEvent, event, suppression } from './drafts.ts';
import { START, type StoreUnderTest } from './store_under_test.ts';

/** Outbound calls until they are dialled. */
export function outboundConformance(t: StoreUnderTest): void {
  const accept = async (...given: Parameters<typeof acceptedCall>) => {
    const entry = acceptedCall(...given);
    const [result] = await t.store.append([entry]);
    if (!result) throw new Error('no result');
    return { id: entry.callId ?? '', result, code: 'code' in result ? result.code : null };
  };

  describe('accepting an outbound call', () => {
    it('writes it with what it was asked for, and a job that dials it', async () => {
      const outbound = {
        variables: { name: 'Ada' },
        scheduledFor: null,
        gate: {},
        consentRecordId: 'consent-7',
        followsCallId: null,
        madeByRule: false,
      };
      const { id, result } = await accept({ outbound });
      const call = await t.store.getCall(id);
      expect(call).toMatchObject({
        state: 'queued',
        apiKeyId: 'key_1',
        outbound: { ...outbound, gate: { acceptance: { allowed: true } } },
      });
      expect(result).toEqual({ status: 'appended', call });
      expect(await t.claimAll()).toMatchObject([
        { kind: 'webhook' },
        { kind: 'dial', target: 'dial', body: { call: id } },
      ]);
    });

    it('keeps a scheduled one until its time', async () => {
      const scheduledFor = START + 3_600_000;
      const outbound = {
        variables: {},
        scheduledFor,
        gate: {},
        consentRecordId: null,
        followsCallId: null,
      };
      await t.open(null);
      const told: number[] = [];
      t.store.onJobs((dueAt) => told.push(dueAt));
      const { id } = await accept({ outbound });
      expect(told).toEqual([scheduledFor]);
      expect(await t.store.getCall(id)).toMatchObject({ state: 'scheduled' });
      expect(await t.claimAll()).toEqual([]);
      expect(await t.store.recallJobs({ longestWaitMs: 60_000 })).toBe(0);
      t.now = scheduledFor;
      expect((await t.claimAll()).map(({ kind }) => kind)).toContain('dial');
    });

    it('makes one call of an idempotency key, for each API key', async () => {
      const idempotency = { key: 'lead-1', bodyHash: 'abc' };
      const entries = Array.from({ length: 20 }, () => acceptedCall({}, { idempotency }));
      const results = await t.store.append(entries);
      expect(results.filter(({ status }) => status === 'appended')).toHaveLength(1);
      const codes = results.flatMap((result) => ('code' in result ? [result.code] : []));
      expect(new Set(codes)).toEqual(new Set(['IDEMPOTENCY_KEY_KNOWN']));
      expect(await t.store.listCalls({ limit: 100 })).toHaveLength(1);
      const query = { apiKeyId: 'key_1', key: 'lead-1', since: 0 };
      expect(await t.store.findIdempotent(query)).toEqual({
        callId: entries[0]?.callId,
        bodyHash: 'abc',
      });
      expect(await t.store.findIdempotent({ ...query, apiKeyId: 'key_2' })).toBeNull();
      expect((await accept({}, { apiKeyId: 'key_2', idempotency })).code).toBeNull();
    });

    it('takes a key anew once it is no longer remembered', async () => {
      const idempotency = { key: 'lead-1', bodyHash: 'abc' };
      await accept({}, { idempotency });
      t.now += 90_000_000;
      const { code, id } = await accept(
        {},
        { idempotency: { ...idempotency, bodyHash: 'def' }, since: t.now - 86_400_000 },
      );
      expect(code).toBeNull();
      const query = { apiKeyId: 'key_1', key: 'lead-1', since: 0 };
      expect(await t.store.findIdempotent(query)).toEqual({ callId: id, bodyHash: 'def' });
    });

    it('completes the decision by what it counts, and keeps it where that allows the call', async () => {
      await accept();
      const { id } = await accept({}, { limits: { callsToNumber: 2, spentUsd: 1 } });
      expect((await t.store.getCall(id))?.outbound?.gate).toEqual({
        acceptance: {
          allowed: true,
          reasons: [
            { rule: 'number', allowed: true },
            { rule: 'suppression', allowed: true },
            { rule: 'spend_cap', allowed: true, limitUsd: 1, spentUsd: 0 },
            { rule: 'calls_by_key', allowed: true, limit: 1_000, calls: 1 },
            { rule: 'calls_to_number', allowed: true, limit: 2, calls: 1 },
          ],
        },
      });
    });

    it('refuses what is not allowed then, says why, and leaves no trace of it', async () => {
      await t.store.addSuppression(suppression({ phone: '+15550100777' }));
      const against = async (...given: Parameters<typeof acceptedCall>) => {
        const { result, id } = await accept(...given);
        expect(await t.store.getCall(id)).toBeNull();
        if (result.status !== 'refused') throw new Error(`it is ${result.status}`);
        expect(result).toMatchObject({ code: 'CALL_NOT_ALLOWED', decision: { allowed: false } });
        return result.decision?.reasons.filter(({ allowed }) => !allowed);
      };
      expect(await against({ to: '+15550100777' })).toEqual([
        { rule: 'suppression', allowed: false },
      ]);
      await accept();
      await accept();
      expect(await against({}, { limits: { callsToNumber: 2 } })).toEqual([
        { rule: 'calls_to_number', allowed: false, limit: 2, calls: 2 },
      ]);
      expect(await against({ to: '+15550100008' }, { limits: { callsByKey: 2 } })).toEqual([
        { rule: 'calls_by_key', allowed: false, limit: 2, calls: 2 },
      ]);
      const later = { since: START + 1, limits: { callsToNumber: 1, callsByKey: 1 } };
      t.now += 10;
      expect((await accept({ time: t.now }, later)).code).toBeNull();
    });

    it('counts neither what ended blocked nor what is older', async () => {
      const blocked = await accept();
      await t.append({
        callId: blocked.id,
        events: [event('call.ended', { end_reason: 'blocked' })],
      });
      await accept();
      const facts = (since: number) =>
        t.store.acceptanceFacts({ to: '+15550100009', apiKeyId: 'key_1', since });
      expect(await facts(START)).toEqual({
        suppressed: false,
        callsToNumber: 1,
        callsByKey: 1,
        spentMicrousd: 0,
      });
      expect(await facts(START + 1)).toMatchObject({ callsToNumber: 0, callsByKey: 0 });
    });

    it('counts for the key’s cap neither what ended blocked meanwhile nor what was refused', async () => {
      const limits = { callsByKey: 2 };
      await accept({}, { limits });
      const blocked = await accept({}, { limits });
      expect((await accept({}, { limits })).code).toBe('CALL_NOT_ALLOWED');
      await t.append({
        callId: blocked.id,
        events: [event('call.ended', { end_reason: 'blocked' })],
      });
      const [refused] = await t.store.append([
        {
          ...acceptedCall({}, { limits }),
          jobs: [{ id: newId('job'), kind: 'webhook', target: 'x', body: {} }],
        },
      ]);
      expect(refused).toMatchObject({ code: 'APPEND_INVALID' });
      expect((await accept({}, { limits })).code).toBeNull();
      expect((await accept({}, { limits })).code).toBe('CALL_NOT_ALLOWED');
    });

    it('knows of a key that has been revoked since', async () => {
      const key = { id: 'key_9', name: 'leads', hash: 'made-up', scopes: [], createdAt: START };
      await t.store.createApiKey({ ...key, revokedAt: null });
      const revoked = async (apiKeyId: string | null) =>
        (await t.store.diallingFacts({ to: '+15550100009', apiKeyId, since: START })).keyRevoked;
      expect(await revoked('key_9')).toBe(false);
      await t.store.revokeApiKey('key_9');
      expect(await revoked('key_9')).toBe(true);
      expect(await revoked('env')).toBe(false);
      expect(await revoked(null)).toBe(false);
    });

    it('counts the calls that were dialled by when that was', async () => {
      const { id } = await accept();
      await accept();
      t.now += 90_000_000;
      const started = { ...event('call.started'), time: t.now };
      await t.store.takeForDialling(id, 30_000);
      await t.append({ callId: id, lease: 2, events: [started] });
      const query = { to: '+15550100009', apiKeyId: 'key_1' };
      const dialled = async (since: number) => await t.store.diallingFacts({ ...query, since });
      expect(await dialled(t.now)).toMatchObject({ dialledToNumber: 1 });
      expect(await dialled(t.now + 1)).toMatchObject({ dialledToNumber: 0 });
      const accepted = await t.store.acceptanceFacts({ ...query, since: t.now });
      expect(accepted).toMatchObject({ callsToNumber: 0 });
    });

    it('knows who picked up: the last that was found out', async () => {
      const { id } = await accept();
      expect(await t.store.getCall(id)).toMatchObject({ answeredBy: null });
      for (const [n, answeredBy] of ['unknown', 'machine'].entries()) {
        const data = { answeredBy, by: 'words' };
        const fact = { id: `${id}:${n}`, kind: 'answered_by', time: t.now, data } as const;
        await t.append({ callId: id, facts: [fact] });
      }
      expect(await t.store.getCall(id)).toMatchObject({ answeredBy: 'machine' });
    });

    it('knows whether somebody has been spoken with since', async () => {
      const phone = '+15550100009';
      const spoken = (since = START) => t.store.spokenWithSince({ phone, since });
      const answer = (callId: string, time: number) =>
        t.append({ callId, events: [{ ...event('call.answered'), time }] });
      const out = await accept({ to: phone });
      await t.openCall({ from: phone });
      await answer(await t.openCall({ from: '+15550100008' }), START);
      expect(await spoken()).toBe(false);

      await answer(out.id, START);
      expect([await spoken(), await spoken(START + 1)]).toEqual([true, false]);
      const who = (answeredBy: string) => {
        const data = { answeredBy, by: 'words' };
        return { id: newId('fct'), kind: 'answered_by', time: START, data } as const;
      };
      await t.append({ callId: out.id, facts: [who('machine')] });
      expect(await spoken()).toBe(false);
      await t.append({ callId: out.id, facts: [who('person')] });
      expect(await spoken()).toBe(true);

      await answer(await t.openCall({ from: phone }), START + 5_000);
      expect([await spoken(START + 5_000), await spoken(START + 5_001)]).toEqual([true, false]);
    });

    it('adds up what calls have cost', async () => {
      const ended = event('call.ended', { end_reason: 'caller_hung_up', cost: { total: 0.0123 } });
      const first = await accept();
      await t.append({ callId: first.id, events: [ended] });
      expect(await t.store.getCall(first.id)).toMatchObject({ costMicrousd: 12_300 });
      const query = { to: '+15550100009', apiKeyId: 'key_1', since: START };
      expect(await t.store.acceptanceFacts(query)).toMatchObject({ spentMicrousd: 12_300 });
      expect(await t.store.diallingFacts(query)).toMatchObject({ spentMicrousd: 12_300 });
      const capped = { since: START, limits: { spentUsd: 0.0123 } };
      expect((await accept({}, capped)).code).toBe('CALL_NOT_ALLOWED');
    });
  });

  describe('dialling', () => {
    it('gives a waiting call to the last who asks, and fences those before', async () => {
      const { id } = await accept();
      expect(await t.store.takeForDialling(id, 30_000)).toMatchObject({
        status: 'taken',
        lease: 2,
        call: { state: 'queued' },
      });
      expect(await t.store.takeForDialling(id, 30_000)).toMatchObject({ lease: 3 });
      const started = () => [event('call.started')];
      expect(await t.append({ callId: id, lease: 2, events: started() })).toEqual(['fenced']);
      expect(await t.append({ callId: id, lease: 3, events: started() })).toEqual(['appended']);
      expect(await t.store.getCall(id)).toMatchObject({ state: 'dialing' });
    });

    it('never gives a call that somebody has begun to dial', async () => {
      const { id } = await accept();
      await t.store.takeForDialling(id, 30_000);
      await t.append({ callId: id, lease: 2, events: [event('call.started')] });
      expect(await t.store.takeForDialling(id, 30_000)).toMatchObject({ status: 'begun' });
      await t.append({ callId: id, lease: 2, events: [endedEvent()] });
      expect(await t.store.takeForDialling(id, 30_000)).toEqual({ status: 'ended' });
      expect(await t.store.takeForDialling('call_x', 30_000)).toEqual({ status: 'unknown' });
      const inbound = await t.openCall();
      expect(await t.store.takeForDialling(inbound, 30_000)).toMatchObject({ status: 'begun' });
    });

    it('does not begin once the number has been suppressed', async () => {
      const { id } = await accept();
      await t.store.takeForDialling(id, 30_000);
      await t.store.addSuppression(suppression());
      const [result] = await t.store.append([
        { callId: id, lease: 2, events: [event('call.started')] },
      ]);
      expect(result).toMatchObject({ status: 'refused', code: 'CALL_SUPPRESSED' });
      expect(await t.store.getCall(id)).toMatchObject({ state: 'queued' });
    });

    it('is not swept while it waits, and is once it is dialled', async () => {
      const { id } = await accept();
      t.now += 3_600_000;
      expect(await t.store.abandonedCalls(10)).toEqual([]);
      expect(await t.store.takeOver(id, 30_000)).toBeNull();
      await t.store.takeForDialling(id, 30_000);
      await t.append({ callId: id, lease: 2, events: [event('call.started')] });
      t.now += 60_000;
      expect((await t.store.abandonedCalls(10)).map((call) => call.id)).toEqual([id]);
      expect(await t.store.takeOver(id, 30_000)).toMatchObject({ lease: 3 });
    });

    it('keeps the gate’s later decision', async () => {
      const { id } = await accept();
      await t.store.recordGate(id, { dialling: { allowed: false } });
      expect(await t.store.getCall(id)).toMatchObject({
        outbound: { gate: { dialling: { allowed: false } } },
      });
    });

    it('keeps what came of the call, which is told behind its end', async () => {
      const { id } = await accept();
      await t.append({ callId: id, events: [endedEvent()] });
      await t.append({ callId: id, events: [event('call.completed', { outcome: 'DNC' })] });
      expect(await t.store.getCall(id)).toMatchObject({ state: 'ended', outcome: 'DNC' });
    });

    it('is nothing that is shown as a delivery, or replayed', async () => {
      const { id } = await accept();
      const dial = (await t.claimAll()).find(({ kind }) => kind === 'dial');
      if (!dial) throw new Error('no dial job');
      const attempt = { at: 1, durationMs: 1, status: null, error: null, response: null };
      await t.store.settleJobs([
        { jobId: dial.id, claimId: dial.claimId, attempt, next: { state: 'exhausted' } },
      ]);
      expect((await t.store.listDeliveries({ limit: 10 })).map(({ kind }) => kind)).toEqual([
        'webhook',
      ]);
      expect(await t.store.getDelivery(dial.id)).toBeNull();
      expect(await t.store.replayDeliveries({ deliveryId: dial.id })).toEqual([]);
      expect(await t.store.replayDeliveries({ callId: id, onlyFailed: true })).toEqual([]);
    });
  });
}
