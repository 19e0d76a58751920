import { describe, expect, it } from 'vitest';
import { endCall } from './end_call.ts';
import { type FakeCallOptions, fakeCall, toolCall } from './testing/fake_call.ts';
import { until } from './testing/until.ts';

type Spoken = { interrupted: boolean; saidSomething: boolean };

async function endedWith(spoken: Spoken | Promise<Spoken>, options: FakeCallOptions = {}) {
  const call = fakeCall(options);
  const answer = await endCall(call.context).run(
    { reason: 'nothing more to say' },
    toolCall({ spoken: Promise.resolve(spoken) }),
  );
  if (!('silent' in answer)) throw new Error('it has an answer for the model');
  return { call, goesOn: answer.goesOn };
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
    const { goesOn } = await endedWith({ interrupted: false, saidSomething: true });
    expect(await goesOn).toBeNull();
  });

  it('does not hang up on a caller who speaks into the goodbye, and tells the model', async () => {
    const { call, goesOn } = await endedWith({ interrupted: true, saidSomething: true });
    expect(await goesOn).toMatchObject({ status: 'not_ended' });
    expect(call.happened).toEqual(['record end_call']);
  });

  it('says goodbye where the model hung up without a word', async () => {
    const { call, goesOn } = await endedWith({ interrupted: false, saidSomething: false });
    expect(await goesOn).toBeNull();
    expect(call.happened).toEqual(['record end_call', 'goodbye', 'end agent_hung_up']);
  });

  // "Wait, one more thing" was answered with the end of the call.
  it('does not hang up on a caller who speaks into that goodbye either', async () => {
    const goodbye = () => Promise.resolve('goes_on' as const);
    const { call, goesOn } = await endedWith(
      { interrupted: false, saidSomething: false },
      { goodbye },
    );
    expect(await goesOn).toMatchObject({ status: 'not_ended' });
    expect(call.happened).toEqual(['record end_call', 'goodbye']);
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
