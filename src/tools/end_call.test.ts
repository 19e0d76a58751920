import { describe, expect, it } from 'vitest';
import { endCall } from './end_call.ts';
import { fakeCall, toolCall } from './testing/fake_call.ts';
import { until } from './testing/until.ts';

type Spoken = { interrupted: boolean; saidSomething: boolean };

async function endedWith(spoken: Spoken | Promise<Spoken>) {
  const call = fakeCall();
  const answer = await endCall(call.context).run(
    { reason: 'nothing more to say' },
    toolCall({ spoken: Promise.resolve(spoken) }),
  );
  return { call, answer };
}

describe('end_call', () => {
  it('hangs up when the goodbye has been heard, not before', async () => {
    const { promise: spoken, resolve: heard } = Promise.withResolvers<Spoken>();
    const { call } = await endedWith(spoken);
    expect(call.happened).toEqual(['record end_call']);
    heard({ interrupted: false, saidSomething: true });
    await until(() => call.ended.length > 0);
    expect(call.happened).toEqual(['record end_call', 'end agent_hung_up']);
    expect(call.records).toMatchObject([
      { arguments: { reason: 'nothing more to say' }, result: { status: 'ending' } },
    ]);
  });

  it('asks the model for nothing more', async () => {
    const { answer } = await endedWith({ interrupted: false, saidSomething: true });
    expect(answer).toMatchObject({ silent: true, ifInterrupted: { status: 'not_ended' } });
  });

  it('does not hang up on a caller who speaks into the goodbye', async () => {
    const { call } = await endedWith({ interrupted: true, saidSomething: true });
    await new Promise((resolve) => setImmediate(resolve));
    expect(call.happened).toEqual(['record end_call']);
  });

  it('says goodbye where the model hung up without a word', async () => {
    const { call } = await endedWith({ interrupted: false, saidSomething: false });
    await until(() => call.ended.length > 0);
    expect(call.happened).toEqual(['record end_call', 'goodbye', 'end agent_hung_up']);
  });

  it('leaves a call alone that something else has ended', async () => {
    const { promise: spoken, resolve: heard } = Promise.withResolvers<Spoken>();
    const { call } = await endedWith(spoken);
    call.hangUp();
    heard({ interrupted: false, saidSomething: false });
    await new Promise((resolve) => setImmediate(resolve));
    expect(call.happened).toEqual(['record end_call']);
  });

  it('does not end a call whose ledger refuses: the model tries again', async () => {
    const call = fakeCall({ durable: () => Promise.reject(new Error('disk full')) });
    await expect(endCall(call.context).run({}, toolCall())).rejects.toThrow('disk full');
    expect(call.ended).toEqual([]);
  });
});
