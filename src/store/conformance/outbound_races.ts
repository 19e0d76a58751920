import { describe, expect, it } from 'vitest';
import type { DialGuard } from '../outbound_store.ts';
import type { Append, AppendResult } from '../store.ts';
import { acceptedCall, endedEvent, event, suppression } from './drafts.ts';
import { START, type StoreUnderTest } from './store_under_test.ts';

const AT_ONCE = 40;
const NUMBER = '+15550100009';

/**
 * What a cap or the suppression list says holds for calls that are accepted, or begin, at the same
 * moment: each looks at what the others have written, in one transaction with its own writing.
 */
export function outboundRacesConformance(t: StoreUnderTest): void {
  const waitingCall = async (to = NUMBER) => {
    const entry = acceptedCall({ to });
    expect(await t.append(entry)).toEqual(['appended']);
    const id = entry.callId ?? '';
    await t.store.takeForDialling(id, 30_000);
    return id;
  };
  const waitingCalls = async (count = AT_ONCE) =>
    await Promise.all(Array.from({ length: count }, () => waitingCall()));
  const begin = (callId: string, guard: Partial<DialGuard> = {}): Append => ({
    callId,
    lease: 2,
    events: [event('call.started')],
    dial: { since: 0, dialledToNumber: null, spentMicrousd: null, ...guard },
  });
  const codes = (results: (AppendResult | undefined)[]) =>
    results.map((result) => (result && 'code' in result ? result.code : result?.status));
  const countOf = (all: unknown[], one: string) => all.filter((each) => each === one).length;
  const stateOf = async (id: string) => (await t.store.getCall(id))?.state;

  describe('calls that begin at the same moment', () => {
    it('are dialled as often as the number’s cap allows, and not once more', async () => {
      const ids = await waitingCalls();
      const results = codes(
        await Promise.all(
          ids.map(async (id) => (await t.store.append([begin(id, { dialledToNumber: 3 })]))[0]),
        ),
      );
      expect(countOf(results, 'appended')).toBe(3);
      expect(countOf(results, 'CALLS_TO_NUMBER')).toBe(AT_ONCE - 3);
      const states = await Promise.all(ids.map(stateOf));
      expect(countOf(states, 'dialing')).toBe(3);
      expect(countOf(states, 'queued')).toBe(AT_ONCE - 3);
    });

    it('are as few where one transaction has them all', async () => {
      const ids = await waitingCalls();
      const results = await t.store.append(ids.map((id) => begin(id, { dialledToNumber: 2 })));
      expect(countOf(codes(results), 'appended')).toBe(2);
    });

    it('count by when they were dialled, each number by itself', async () => {
      const guard = { since: START, dialledToNumber: 1 };
      const long = await waitingCall();
      const before = { ...event('call.started'), time: START - 1 };
      expect(await t.append({ ...begin(long), events: [before] })).toEqual(['appended']);
      const [here, again, elsewhere] = await Promise.all([
        waitingCall(),
        waitingCall(),
        waitingCall('+15550100008'),
      ]);
      const results = await t.store.append([here, again, elsewhere].map((id) => begin(id, guard)));
      expect(codes(results)).toEqual(['appended', 'CALLS_TO_NUMBER', 'appended']);
    });

    it('do not begin once what has been spent reaches the cap', async () => {
      const spent = await waitingCall();
      const guard = { spentMicrousd: 12_300 };
      expect(await t.append(begin(spent, guard))).toEqual(['appended']);
      const next = await waitingCall();
      const ended = event('call.ended', { end_reason: 'caller_hung_up', cost: { total: 0.0123 } });
      const results = await t.store.append([
        { callId: spent, events: [ended] },
        begin(next, guard),
      ]);
      expect(codes(results)).toEqual(['appended', 'SPEND_CAP']);
      expect(await stateOf(next)).toBe('queued');
      // Its row was written for the guard to see, inside of what the refusal rolled back.
      expect(await stateOf(spent)).toBe('ended');
    });

    it('begin before their number is suppressed, or not at all', async () => {
      const ids = await waitingCalls();
      const suppressedAfter = Math.floor(AT_ONCE / 2);
      const attempts = ids.map(async (id, index) => {
        if (index === suppressedAfter) await t.store.addSuppression(suppression());
        return (await t.store.append([begin(id)]))[0];
      });
      const results = codes(await Promise.all(attempts));
      expect(countOf(results, 'appended') + countOf(results, 'CALL_SUPPRESSED')).toBe(AT_ONCE);
      expect(results[suppressedAfter]).toBe('CALL_SUPPRESSED');
      const late = await Promise.all(ids.map(async (id) => [id, await stateOf(id)] as const));
      const waiting = late.flatMap(([id, state]) => (state === 'queued' ? [id] : []));
      expect(waiting).toHaveLength(countOf(results, 'CALL_SUPPRESSED'));
      const again = await t.store.append(waiting.map((id) => begin(id)));
      expect(countOf(codes(again), 'CALL_SUPPRESSED')).toBe(waiting.length);
    });

    it('are refused by a suppression in the same transaction, whoever stands behind it', async () => {
      const [first, second] = [await waitingCall(), await waitingCall()];
      const results = await t.store.append([
        begin(first),
        { callId: first, events: [endedEvent()], suppressions: [suppression()] },
        begin(second),
      ]);
      expect(codes(results)).toEqual(['appended', 'appended', 'CALL_SUPPRESSED']);
    });
  });

  describe('calls that are accepted at the same moment', () => {
    it.each([
      ['the number’s cap', { callsToNumber: 3 }],
      ['the key’s cap', { callsByKey: 3 }],
    ] as const)('are as many as %s allows', async (_, limits) => {
      const results = codes(
        await Promise.all(
          Array.from(
            { length: AT_ONCE },
            async () => (await t.store.append([acceptedCall({}, { limits })]))[0],
          ),
        ),
      );
      expect(countOf(results, 'appended')).toBe(3);
      expect(countOf(results, 'CALL_NOT_ALLOWED')).toBe(AT_ONCE - 3);
      expect(await t.store.listCalls({ limit: 100 })).toHaveLength(3);
    });
  });
}
