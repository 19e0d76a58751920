import { describe, expect, it } from 'vitest';
import { until } from '../tools/testing/until.ts';
import { Announcer } from './announcer.ts';
import { disclose } from './disclosure.ts';
import { lastGoodbye } from './goodbye.ts';
import { fakeLiveCall, PROFILE } from './testing/fake_live_call.ts';
import { FakeSession, type FakeSpeech } from './testing/fake_session.ts';

function answered(disclosure: string | undefined) {
  const line = new FakeSession();
  const { call, ledger } = fakeLiveCall({ session: line.session });
  call.profile = { ...PROFILE, disclosure };
  call.announcer = new Announcer(line.session, call.ending.signal, call.log);
  const speech = (n: number): Promise<FakeSpeech> =>
    until(() => line.speeches[n]) as Promise<FakeSpeech>;
  return { call, line, ledger, speech };
}

describe('the disclosure', () => {
  it('is said word for word, to somebody who cannot cut it off, and is listened to behind it', async () => {
    const { call, line, speech } = answered(' This call may be recorded. ');
    const told = disclose(call);
    (await speech(0)).played();
    expect(await told).toBe(true);
    expect(line.happened).toEqual([
      'listen no more',
      'say Say exactly: "This call may be recorded." Add nothing before or after it.',
      'listen',
    ]);
  });

  it('is tried twice, and its failure is written down', async () => {
    const { call, line, ledger, speech } = answered('You are recorded.');
    const told = disclose(call);
    (await speech(0)).failed();
    (await speech(1)).failed();
    expect(await told).toBe(false);
    expect(line.happened.at(-1)).toBe('listen');
    expect(ledger.events).toMatchObject([
      { type: 'call.error', data: { code: 'disclosure_unsaid' } },
    ]);
  });

  // A call that met its longest duration in its disclosure listened again, and was cut off in its goodbye.
  it('is not listened behind where the last goodbye cuts it off', async () => {
    const { call, line, speech } = answered('You are recorded.');
    const told = disclose(call);
    const cut = await speech(0);
    const left = lastGoodbye(call, 'The time is over.');
    cut.cutOff();
    expect(await told).toBe(false);
    (await speech(1)).played();
    await left;
    expect(line.happened).not.toContain('listen');
  });

  it('is not what a call waits for that has ended', async () => {
    const { call, ledger, speech } = answered('You are recorded.');
    const told = disclose(call);
    await speech(0);
    void call.ending.end('caller_hung_up');
    expect(await told).toBe(false);
    expect(ledger.events.filter(({ type }) => type === 'call.error')).toEqual([]);
  });

  it('is nothing where the profile has none', async () => {
    const { call, line } = answered(undefined);
    expect(await disclose(call)).toBe(true);
    expect(line.happened).toEqual([]);
  });
});
