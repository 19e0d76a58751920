import { describe, expect, it } from 'vitest';
import { until } from '../tools/testing/until.ts';
import { Announcer } from './announcer.ts';
import { lastGoodbye, offerGoodbye } from './goodbye.ts';
import { fakeLiveCall } from './testing/fake_live_call.ts';
import { FakeSession, type FakeSpeech } from './testing/fake_session.ts';

function talking() {
  const line = new FakeSession();
  const { call } = fakeLiveCall({ session: line.session });
  call.announcer = new Announcer(line.session, call.ending.signal, call.log);
  const goodbye = (): Promise<FakeSpeech> => until(() => line.speeches[0]) as Promise<FakeSpeech>;
  return { call, line, goodbye };
}

describe('a goodbye that is offered', () => {
  it('is the last word of a caller who says nothing more', async () => {
    const { call, goodbye } = talking();
    const offered = offerGoodbye(call, 'The line stays silent.');
    const speech = await goodbye();
    expect(speech.request.instructions).toBe(
      'The line stays silent. Say goodbye in one short sentence.',
    );
    speech.played();
    expect(await offered).toBe('said');
  });

  it('is taken back for a caller who speaks into it', async () => {
    const { call, goodbye } = talking();
    const offered = offerGoodbye(call);
    (await goodbye()).cutOff();
    expect(await offered).toBe('goes_on');
  });

  it('is not begun while the caller speaks', async () => {
    const { call, line } = talking();
    line.user('speaking');
    expect(await offerGoodbye(call)).toBe('goes_on');
    expect(line.happened).toEqual([]);
  });

  it('does not keep a call alive whose model has no words left', async () => {
    const { call, goodbye } = talking();
    const offered = offerGoodbye(call);
    (await goodbye()).failed(new Error('no quota'));
    expect(await offered).toBe('said');
  });

  it('is nothing in a call that has ended', async () => {
    const { call, line } = talking();
    await call.ending.end('caller_hung_up');
    expect(await offerGoodbye(call)).toBe('said');
    expect(line.happened).toEqual([]);
  });
});

describe('the last goodbye', () => {
  it('is said whatever goes on, to a caller who is heard no more', async () => {
    const { call, line, goodbye } = talking();
    line.user('speaking');
    const said = lastGoodbye(call, 'The time for this call is over.');
    expect(line.happened).toEqual([
      'listen no more',
      'interrupt',
      'say The time for this call is over. Say goodbye in one short sentence.',
    ]);
    (await goodbye()).played();
    await said;
  });
});
