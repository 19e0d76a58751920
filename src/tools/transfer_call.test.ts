import { describe, expect, it, vi } from 'vitest';
import type { ReferOutcome } from '../telephony/refer.ts';
import { type FakeCall, fakeCall, toolCall } from './testing/fake_call.ts';
import { until } from './testing/until.ts';
import { transferCall } from './transfer_call.ts';

const TRANSFERS = {
  sales: { to: 'tel:+15550100200', say: 'I will put you through to sales.' },
  support: { to: 'sip:support@example.com' },
};

function transferred(outcome: ReferOutcome | (() => Promise<ReferOutcome>)) {
  const refer = typeof outcome === 'function' ? outcome : () => Promise.resolve(outcome);
  const call = fakeCall({ transfers: TRANSFERS, refer });
  return { call, tool: transferCall(call.context) };
}

const settled = (call: FakeCall, what: string) =>
  until(() => call.happened.includes(what) && call.happened);

describe('transfer_call', () => {
  it('lets the model announce it first, then refers, then ends the call', async () => {
    const { promise: replied, resolve: heard } = Promise.withResolvers<void>();
    const { call, tool } = transferred({ outcome: 'confirmed' });
    const answer = await tool.run({ destination: 'sales' }, toolCall({ replied }));
    expect(answer).toEqual({
      result: { status: 'transferring', say: 'I will put you through to sales.' },
    });
    expect(call.happened).toEqual(['record transfer_call']);
    heard();
    expect(await settled(call, 'end transferred')).toEqual([
      'record transfer_call',
      'refer',
      'event call.transferred',
      'end transferred',
    ]);
    expect(call.referredTo).toEqual(['tel:+15550100200']);
    expect(call.events).toMatchObject([{ data: { destination: 'sales', outcome: 'confirmed' } }]);
  });

  it('has words of its own where the profile has none', async () => {
    const { tool } = transferred({ outcome: 'confirmed' });
    const answer = await tool.run({ destination: 'support' }, toolCall());
    expect(answer).toMatchObject({ result: { say: expect.stringContaining('put you through') } });
  });

  it.each(['Sales', '+15550100999', 'constructor', '__proto__', 'toString'])(
    'knows no destination %s',
    async (destination) => {
      const { call, tool } = transferred({ outcome: 'confirmed' });
      expect(await tool.run({ destination }, toolCall())).toEqual({
        result: { status: 'unknown_destination', destinations: ['sales', 'support'] },
      });
      await new Promise((resolve) => setImmediate(resolve));
      expect(call.referredTo).toEqual([]);
    },
  );

  it('offers the model the names of the profile and nothing else', () => {
    const { tool } = transferred({ outcome: 'confirmed' });
    expect(tool.parameters.safeParse({ destination: 'sales' }).success).toBe(true);
    expect(tool.parameters.safeParse({ destination: '+15550100999' }).success).toBe(false);
  });

  it('does not refer a caller who hung up during the announcement', async () => {
    const { promise: replied, resolve: heard } = Promise.withResolvers<void>();
    const { call, tool } = transferred({ outcome: 'confirmed' });
    await tool.run({ destination: 'sales' }, toolCall({ replied }));
    call.hangUp();
    heard();
    await new Promise((resolve) => setImmediate(resolve));
    expect(call.referredTo).toEqual([]);
  });

  it('waits for an announcement that never ends no longer than a caller would', async () => {
    vi.useFakeTimers();
    try {
      const { call, tool } = transferred({ outcome: 'confirmed' });
      await tool.run({ destination: 'sales' }, toolCall({ replied: new Promise(() => undefined) }));
      await vi.advanceTimersByTimeAsync(11_999);
      expect(call.referredTo).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(call.ended).toEqual(['transferred']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('starts no second transfer while one is under way', async () => {
    const { promise: outcome, resolve: settle } = Promise.withResolvers<ReferOutcome>();
    const { call, tool } = transferred(() => outcome);
    await tool.run({ destination: 'sales' }, toolCall());
    expect(await tool.run({ destination: 'support' }, toolCall({ toolCallId: 'fc_2' }))).toEqual({
      result: { status: 'already_transferring' },
    });
    settle({ outcome: 'confirmed' });
    await settled(call, 'end transferred');
    expect(call.referredTo).toEqual(['tel:+15550100200']);
  });
});

describe('a transfer that is refused', () => {
  const busy: ReferOutcome = { outcome: 'failed', sipStatus: 486, reason: 'Busy Here' };

  it('is told to the model, and the call goes on', async () => {
    const { call, tool } = transferred(busy);
    await tool.run({ destination: 'sales' }, toolCall());
    await settled(call, 'event call.transfer_failed');
    expect(call.announced[0]).toContain('"sales" did not work (the line is busy)');
    expect(call.events).toMatchObject([
      {
        type: 'call.transfer_failed',
        data: { destination: 'sales', sip_status: 486, reason: 'Busy Here' },
      },
    ]);
    expect(call.ended).toEqual([]);
  });

  it.each([
    [486, 'the line is busy'],
    [600, 'the line is busy'],
    [603, 'the call was declined'],
    [480, 'nobody answered'],
    [408, 'nobody answered'],
    [405, 'it was refused'],
    [null, 'it was refused'],
  ])('%s is explained: %s', async (sipStatus, words) => {
    const { call, tool } = transferred({ outcome: 'failed', sipStatus, reason: '' });
    await tool.run({ destination: 'sales' }, toolCall());
    await settled(call, 'announce');
    expect(call.announced[0]).toContain(words);
  });

  it('may be tried again', async () => {
    const { call, tool } = transferred(busy);
    await tool.run({ destination: 'sales' }, toolCall());
    await settled(call, 'event call.transfer_failed');
    const again = await tool.run({ destination: 'support' }, toolCall({ toolCallId: 'fc_2' }));
    expect(again).toMatchObject({ result: { status: 'transferring' } });
    await until(() => call.referredTo.length === 2);
  });
});

describe('a transfer of unknown outcome', () => {
  it('ends the call where the caller is gone', async () => {
    const { call, tool } = transferred({ outcome: 'unconfirmed', callerGone: true });
    await tool.run({ destination: 'sales' }, toolCall());
    await settled(call, 'end transfer_unconfirmed');
    expect(call.events).toMatchObject([
      { type: 'call.transferred', data: { outcome: 'unconfirmed' } },
    ]);
  });

  it('is not followed by another where the caller is still there: two people could ring', async () => {
    const { call, tool } = transferred({ outcome: 'unconfirmed', callerGone: false });
    await tool.run({ destination: 'sales' }, toolCall());
    await settled(call, 'event call.transferred');
    const again = await tool.run({ destination: 'support' }, toolCall({ toolCallId: 'fc_2' }));
    expect(again).toEqual({ result: { status: 'already_transferring' } });
    expect(call.ended).toEqual([]);
    expect(call.referredTo).toHaveLength(1);
  });
});

describe('a transfer without a ledger', () => {
  // A full disk at the wrong moment left the tool busy for ever: the caller could not be put
  // through any more, although nothing had been started.
  it('is not started, and does not stand in the way of the next', async () => {
    let full = true;
    const call = fakeCall({
      transfers: TRANSFERS,
      durable: () => (full ? Promise.reject(new Error('disk full')) : Promise.resolve()),
    });
    const tool = transferCall(call.context);
    await expect(tool.run({ destination: 'sales' }, toolCall())).rejects.toThrow('disk full');
    expect(call.referredTo).toEqual([]);
    full = false;
    const again = await tool.run({ destination: 'sales' }, toolCall({ toolCallId: 'fc_2' }));
    expect(again).toMatchObject({ result: { status: 'transferring' } });
    await settled(call, 'end transferred');
  });

  // The outcome could not be written, the call did not end, and the tool took another transfer of a
  // caller who had already been put through.
  it('ends the call all the same once the caller is put through', async () => {
    let full = false;
    const call = fakeCall({
      transfers: TRANSFERS,
      durable: () => (full ? Promise.reject(new Error('disk full')) : Promise.resolve()),
      refer: () => {
        full = true;
        return Promise.resolve({ outcome: 'confirmed' });
      },
    });
    const tool = transferCall(call.context);
    await tool.run({ destination: 'sales' }, toolCall());
    await settled(call, 'end transferred');
    full = false;
    const again = await tool.run({ destination: 'sales' }, toolCall({ toolCallId: 'fc_2' }));
    expect(again).toEqual({ result: { status: 'already_transferring' } });
  });
});
