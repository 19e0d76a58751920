import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IncomingCall } from './incoming_call.ts';
import { Phone, type PhoneOptions } from './phone.ts';
import { cseqOf } from './sip_message.ts';
import { tone } from './speech.ts';
import { RawCaller } from './testing/raw_caller.ts';
import { whats } from './testing/test_line.ts';
import { waitUntil } from './wait.ts';

let caller: Phone;
let callee: Phone;
let calls: IncomingCall[];
let raw: RawCaller | undefined;

async function openCallee(options: Partial<PhoneOptions> = {}): Promise<void> {
  await callee?.close();
  callee = await Phone.open({
    host: '127.0.0.1',
    port: 0,
    number: '+15550100200',
    onCall: (call) => calls.push(call),
    ...options,
  });
}

beforeEach(async () => {
  calls = [];
  caller = await Phone.open({ host: '127.0.0.1', port: 0, number: '+15550100001' });
  await openCallee();
});

afterEach(async () => {
  raw?.close();
  // Nobody is left who would answer a BYE.
  if (raw) for (const call of calls) call.vanish();
  raw = undefined;
  await Promise.all([caller.close(), callee.close()]);
});

const dial = (options: Partial<Parameters<Phone['dial']>[0]> = {}) =>
  caller.dial({ proxy: callee.local, to: '+15550100200', ...options });

const called = (nth = 1): Promise<IncomingCall> =>
  waitUntil({
    what: 'call',
    check: () => calls[nth - 1],
    subscribe: () => () => {},
    deadlineMs: 5000,
    signal: undefined,
  });

describe('a call to the phone', () => {
  test('says who calls whom, with every header', async () => {
    await dial({ headers: { 'X-Customer': '42' } });
    const call = await called();
    expect(call).toMatchObject({ number: '+15550100200', from: '+15550100001', state: 'calling' });
    expect(call.invite.headers.get('X-Customer')).toBe('42');
  });

  test('rings, is answered, and both hear each other', async () => {
    const ours = await dial();
    const theirs = await called();
    theirs.ring();
    await ours.ringing();
    expect(theirs.state).toBe('ringing');
    theirs.answer();
    await ours.answered();
    void ours.play(tone(440, 2000));
    void theirs.play(tone(900, 2000));
    await Promise.all([theirs.heard.waitForTone(440), ours.heard.waitForTone(900)]);

    expect(await ours.hangUp()).toEqual({ by: 'us' });
    expect(await theirs.ended()).toMatchObject({ by: 'them' });
    expect(whats(theirs)).toEqual(['invite', 'ringing', 'answered', 'first_audio', 'bye_received']);
  });

  test('is hung up by the callee', async () => {
    const ours = await dial();
    const theirs = await called();
    theirs.answer();
    await ours.answered();
    expect(await theirs.hangUp()).toEqual({ by: 'us' });
    expect(await ours.ended()).toMatchObject({ by: 'them' });
  });

  test('takes keys and presses them', async () => {
    const ours = await dial();
    const theirs = await called();
    theirs.answer();
    await ours.answered();
    await Promise.all([ours.dtmf('1#'), theirs.dtmf('9')]);
    expect(await theirs.heard.waitForKeys(2)).toBe('1#');
    expect(await ours.heard.waitForKeys(1)).toBe('9');
  });

  test('can be heard before the answer: 183 with early media', async () => {
    const ours = await dial();
    const theirs = await called();
    theirs.ring({ earlyMedia: true });
    void theirs.play(tone(425, 1000));
    await ours.heard.waitForTone(425);
    expect(ours.state).toBe('ringing');
    expect(ours.timeline.at(-1)).toMatchObject({ what: 'first_audio' });
    theirs.answer();
    await ours.answered();
  });

  test.each([486, 603, 404, 503])('is refused with %i', async (status) => {
    const ours = await dial();
    const theirs = await called();
    theirs.reject(status);
    expect(await ours.ended()).toMatchObject({ by: 'rejected', status });
    expect(await theirs.ended()).toEqual({ by: 'rejected', status });
    expect(() => theirs.answer()).toThrow(expect.objectContaining({ code: 'PHONE_ALREADY_ENDED' }));
  });

  test('is cancelled while it rings', async () => {
    const ours = await dial();
    const theirs = await called();
    theirs.ring();
    await ours.ringing();
    expect(await ours.cancel()).toMatchObject({ by: 'cancelled', status: 487 });
    expect(await theirs.ended()).toMatchObject({ by: 'cancelled', status: 487 });
    expect(whats(theirs)).toEqual(['invite', 'ringing', 'cancelled']);
    expect(theirs.over.aborted).toBe(true);
  });

  test('is cancelled before the phone has said anything', async () => {
    const ours = await dial();
    expect(await ours.cancel()).toMatchObject({ by: 'cancelled', status: 487 });
    expect(await (await called()).ended()).toMatchObject({ by: 'cancelled' });
  });

  test('is one of several at once', async () => {
    const ours = await Promise.all([dial(), dial(), dial()]);
    await called(3);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(3);
    for (const call of calls) call.answer();
    await Promise.all(ours.map((call) => call.answered()));
    await ours[1]?.hangUp();
    await calls.find(({ id }) => id === ours[1]?.id)?.ended();
    expect(calls.filter(({ state }) => state === 'answered')).toHaveLength(2);
  });

  test('finds nobody at a phone that only dials', async () => {
    const theirs = await callee.dial({ proxy: caller.local, to: '+15550100001' });
    expect(await theirs.ended()).toMatchObject({ by: 'rejected', status: 480 });
  });

  test('is refused where the offer has nothing for us', async () => {
    raw = await RawCaller.open(callee.local);
    raw.invite(raw.sdp.replace('RTP/AVP 0 101', 'RTP/AVP 8 101'));
    await raw.response(488);
    expect(calls).toHaveLength(0);
  });
});

describe('a caller whose packets are lost', () => {
  // Ten times faster than RFC 3261 says, so that waiting for a repetition takes no seconds.
  beforeEach(async () => {
    await openCallee({ timers: { t1: 50, t2: 200, t4: 250 } });
    raw = await RawCaller.open(callee.local);
  });

  test('sends the INVITE again: it is one call, and one INVITE in the list', async () => {
    const invite = raw!.invite();
    const call = await called();
    raw!.send(invite);
    await raw!.response(100, 2);
    call.ring();
    raw!.send(invite);
    await raw!.response(180, 2);
    expect(calls).toHaveLength(1);
    expect(callee.invites).toMatchObject([
      { callId: 'raw-call', number: '+15550100200', from: '+15550100001', challenged: false },
    ]);
  });

  test('gets the 200 again until its ACK comes; only then may it get a BYE', async () => {
    const invite = raw!.invite();
    const call = await called();
    call.answer();
    const answered = await raw!.response(200, 2);
    void call.hangUp();
    expect(raw!.requests).toHaveLength(0);
    raw!.follow(invite, 'ACK', { branch: 'z9hG4bKack', to: answered.headers.get('To')! });
    const bye = await raw!.request('BYE');
    expect(bye.headers.get('To')).toBe(invite.headers.get('From'));
    expect(bye.headers.get('From')).toBe(answered.headers.get('To'));
    expect(cseqOf(bye)).toEqual({ number: 1, method: 'BYE' });
  });

  test('that never acknowledges is hung up', async () => {
    raw!.invite();
    const call = await called();
    call.answer();
    expect(await raw!.request('BYE')).toBeDefined();
    expect(await call.ended()).toMatchObject({ by: 'us', reason: 'no ACK' });
  });

  test('cancels another INVITE than this', async () => {
    const invite = raw!.invite();
    const call = await called();
    raw!.follow(invite, 'CANCEL', { branch: 'z9hG4bKother' });
    await raw!.response(481);
    expect(call.state).toBe('calling');
  });

  test('is too late with its CANCEL', async () => {
    const invite = raw!.invite();
    const call = await called();
    call.answer();
    raw!.follow(invite, 'CANCEL');
    await waitUntil({
      what: 'answer to the CANCEL',
      check: () => raw!.responses.find((response) => cseqOf(response).method === 'CANCEL'),
      subscribe: () => () => {},
      deadlineMs: 5000,
      signal: undefined,
    });
    expect(call.state).toBe('answered');
  });

  test('that offers nothing in its INVITE answers our offer in its ACK', async () => {
    const invite = raw!.invite('');
    const call = await called();
    call.answer();
    const answered = await raw!.response(200);
    expect(answered.body).toContain('m=audio');
    const changes = { branch: 'z9hG4bKack', to: answered.headers.get('To')! };
    raw!.follow(invite, 'ACK', { ...changes, body: raw!.sdp });
    // Keys are refused until it is known which they take.
    const pressed = () =>
      call.dtmf('5').then(
        () => true,
        () => false,
      );
    await expect.poll(pressed).toBe(true);
  });

  test('offers keys under a number of its own: the answer takes it', async () => {
    raw!.invite(raw!.sdp.replaceAll('101', '96'));
    const call = await called();
    call.answer();
    const { body } = await raw!.response(200);
    expect(body).toContain('RTP/AVP 0 96');
    expect(body).toContain('a=rtpmap:96 telephone-event/8000');
  });
});

describe('a phone that asks for a login', () => {
  const login = { username: 'trunk', password: 'made-up' };
  beforeEach(() => openCallee({ login }));

  test('takes the right one, in one call and two INVITEs', async () => {
    const ours = await dial({ auth: login });
    const theirs = await called();
    theirs.answer();
    await ours.answered();
    expect(theirs.id).toBe(ours.id);
    expect(callee.invites.map(({ challenged }) => challenged)).toEqual([true, false]);
    expect(new Set(callee.invites.map(({ callId }) => callId)).size).toBe(1);
    await ours.hangUp();
    expect(await theirs.ended()).toMatchObject({ by: 'them' });
  });

  test.each([
    ['none', undefined],
    ['the wrong password', { ...login, password: 'guessed' }],
    ['the wrong name', { ...login, username: 'eve' }],
  ])('refuses %s', async (_, auth) => {
    const ours = await dial(auth ? { auth } : {});
    expect(await ours.ended()).toMatchObject({ by: 'rejected', status: 407 });
    expect(calls).toHaveLength(0);
  });
});
