import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lookupCrm } from './lookup_crm.ts';
import { type FakeCall, type FakeCallOptions, fakeCall, toolCall } from './testing/fake_call.ts';
import { until } from './testing/until.ts';

const ADA = { id: 'con_1', name: 'Ada', accountStatus: 'gold', email: 'ada@example.com' };
const CALLER = '+15550100001';
const SOMEBODY = '+15550100002';

interface LookedUp {
  call: FakeCall;
  /** The model's answer. */
  result: unknown;
}

async function lookUp(options: FakeCallOptions, phone?: string): Promise<LookedUp> {
  const call = fakeCall(options);
  const answer = await lookupCrm(call.context).run(phone ? { phone } : {}, toolCall());
  return { call, result: 'result' in answer ? answer.result : answer };
}

const announced = ({ call }: LookedUp) => until(() => call.announced[0]);

describe('lookup_crm', () => {
  it('answers from the record in hand, without asking the CRM again', async () => {
    const { call, result } = await lookUp({ known: { state: 'ready', contact: ADA } });
    expect(result).toEqual({ status: 'found', contact: { name: 'Ada' } });
    expect(call.asked).toEqual([]);
    expect(call.records).toMatchObject([{ name: 'lookup_crm', arguments: {}, result }]);
  });

  it('gives the model no more than the fields that may be spoken', async () => {
    const { result } = await lookUp({
      known: { state: 'ready', contact: ADA },
      speakFields: ['accountStatus', 'lastInteraction'],
    });
    expect(result).toEqual({
      status: 'found',
      contact: { accountStatus: 'gold', lastInteraction: null },
    });
  });

  it('says "not_found" of a caller whom the CRM does not know', async () => {
    const { result } = await lookUp({ known: { state: 'ready', contact: null } });
    expect(result).toEqual({ status: 'not_found' });
  });

  it('says "looking_up" while the CRM has not answered, and tells the answer later', async () => {
    const { promise: contact, resolve: answer } = Promise.withResolvers<typeof ADA>();
    const lookedUp = await lookUp({ known: { state: 'pending', contact } });
    expect(lookedUp.result).toEqual({ status: 'looking_up' });
    expect(lookedUp.call.announced).toEqual([]);
    answer(ADA);
    const told = await announced(lookedUp);
    expect(told).toContain('{"status":"found","contact":{"name":"Ada"}}');
    expect(told).not.toContain('gold');
    expect(lookedUp.call.asked).toEqual([]);
  });

  it('asks again where nothing is known of a caller with a number', async () => {
    const lookedUp = await lookUp({ known: { state: 'none' }, crm: () => Promise.resolve(ADA) });
    expect(lookedUp.result).toEqual({ status: 'looking_up' });
    expect(await announced(lookedUp)).toContain('"found"');
    expect(lookedUp.call.asked).toEqual([CALLER]);
  });

  it('has nobody to look up for an anonymous caller', async () => {
    const { call, result } = await lookUp({ phone: null });
    expect(result).toEqual({ status: 'not_found' });
    expect(call.asked).toEqual([]);
  });

  it('tells of a CRM that fails only that it is not available', async () => {
    const lookedUp = await lookUp({ crm: () => Promise.reject(new Error('secret inside')) });
    const told = await announced(lookedUp);
    expect(told).toContain('{"status":"not_available"}');
    expect(told).not.toContain('secret');
  });

  it('is silent when the call is over by the time of the answer', async () => {
    const { promise: contact, resolve: answer } = Promise.withResolvers<typeof ADA>();
    const { call } = await lookUp({ known: { state: 'pending', contact } });
    call.hangUp();
    answer(ADA);
    await new Promise((resolve) => setImmediate(resolve));
    expect(call.announced).toEqual([]);
  });
});

describe('lookup_crm about a number', () => {
  it('reads no record but the caller’s own', async () => {
    const { call, result } = await lookUp(
      { known: { state: 'ready', contact: ADA }, crm: () => Promise.resolve(ADA) },
      SOMEBODY,
    );
    expect(result).toEqual({ status: 'not_allowed' });
    expect(call.asked).toEqual([]);
    expect(call.records).toMatchObject([{ arguments: { phone: SOMEBODY }, result }]);
  });

  it.each(['+1 (555) 010-0001', '(555) 010-0001', CALLER])(
    'takes %s for the caller’s own number',
    async (phone) => {
      const { result } = await lookUp({ known: { state: 'ready', contact: ADA } }, phone);
      expect(result).toMatchObject({ status: 'found' });
    },
  );

  it('reads any record where the profile says so', async () => {
    const lookedUp = await lookUp({ lookup: 'any', crm: () => Promise.resolve(ADA) }, SOMEBODY);
    expect(lookedUp.result).toEqual({ status: 'looking_up' });
    expect(await announced(lookedUp)).toContain('"name":"Ada"');
    expect(lookedUp.call.asked).toEqual([SOMEBODY]);
  });

  it('does not find what is no number', async () => {
    const { call, result } = await lookUp({ lookup: 'any' }, 'my wife');
    expect(result).toEqual({ status: 'not_found' });
    expect(call.asked).toEqual([]);
  });

  it('is not allowed to an anonymous caller either', async () => {
    const { result } = await lookUp({ phone: null }, SOMEBODY);
    expect(result).toEqual({ status: 'not_allowed' });
  });
});

describe('lookup_crm with a CRM that hangs', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    // Node's own timer behind it is not one that vitest can fake.
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new DOMException('Timed out.', 'TimeoutError')), ms);
      return controller.signal;
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it('tells the model after 5 s that the record is not available', async () => {
    const { call } = await lookUp({ crm: () => new Promise(() => undefined) });
    await vi.advanceTimersByTimeAsync(4_999);
    expect(call.announced).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(call.announced).toHaveLength(1);
    expect(call.announced[0]).toContain('"not_available"');
  });

  it('lets go of the CRM then', async () => {
    let signal: AbortSignal | undefined;
    await lookUp({
      crm: (_phone, given) => {
        signal = given;
        return new Promise(() => undefined);
      },
    });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(signal?.aborted).toBe(true);
  });
});
