import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Call } from './call.ts';
import {
  answeringMachine,
  answers,
  BEEP_HZ,
  busy,
  callScreening,
  hangsUpOnGreeting,
  ivr,
  rejects,
  ringsOut,
  staysSilent,
  transferredBy,
} from './callee.ts';
import { Carrier } from './carrier.ts';
import { Phone } from './phone.ts';
import { tone } from './speech.ts';
import { whats } from './testing/test_line.ts';

const NUMBER = '+15550100200';
const FAST = { ringMs: 20 };

let caller: Phone;
let carrier: Carrier;

beforeEach(async () => {
  caller = await Phone.open({ host: '127.0.0.1', port: 0, number: '+15550100001' });
  carrier = await Carrier.open();
});
afterEach(async () => {
  await Promise.all([caller.close(), carrier.close()]);
  expect(carrier.failures).toEqual([]);
});

function dial(number = NUMBER) {
  const [host = '', port = ''] = carrier.address.split(':');
  return caller.dial({ proxy: { host, port: Number(port) }, to: number });
}

const marks = (call: Call) => call.timeline.flatMap(({ mark }) => mark ?? []);

describe('somebody who is called', () => {
  test('answers after ringing, and speaks', async () => {
    carrier.subscribe(NUMBER, answers({ ...FAST, say: tone(900, 500), hangUpAfterMs: 20 }));
    const call = await dial();
    await call.answered();
    await call.heard.waitForTone(900);
    expect(await call.ended()).toMatchObject({ by: 'them' });
    expect(whats(call)).toContain('ringing');
    expect(call.timeline.find(({ what }) => what === 'ringing')?.status).toBe(180);
  });

  test('rings with early media', async () => {
    carrier.subscribe(NUMBER, answers({ ...FAST, earlyMedia: true }));
    const call = await dial();
    await call.answered();
    expect(call.timeline.find(({ what }) => what === 'ringing')?.status).toBe(183);
  });

  test('is busy, declines, is barred, or is unknown', async () => {
    carrier.subscribe('+15550100201', busy());
    carrier.subscribe('+15550100202', rejects(603, FAST));
    carrier.subscribe('+15550100203', rejects(403));
    const statuses = [];
    for (const last of ['1', '2', '3', '4']) {
      const call = await dial(`+1555010020${last}`);
      statuses.push((await call.ended()).status);
    }
    expect(statuses).toEqual([486, 603, 403, 404]);
  });

  test('lets it ring until the caller gives up', async () => {
    carrier.subscribe(NUMBER, ringsOut());
    const call = await dial();
    await call.ringing();
    expect(await call.cancel()).toMatchObject({ by: 'cancelled', status: 487 });
    expect(await carrier.callsTo(NUMBER)[0]?.ended()).toMatchObject({ by: 'cancelled' });
  });

  test('is never reached: 100 and then nothing', async () => {
    carrier.subscribe(NUMBER, staysSilent());
    const call = await dial();
    await carrier.waitForCall(NUMBER);
    await expect.poll(() => whats(call)).toContain('trying');
    expect(call.state).toBe('calling');
  });

  test('hangs up into the greeting', async () => {
    carrier.subscribe(NUMBER, hangsUpOnGreeting({ ...FAST, afterMs: 50 }));
    const call = await dial();
    await call.answered();
    const spoken = call.play(tone(440, 20_000));
    expect(await call.ended()).toMatchObject({ by: 'them' });
    expect(await spoken).toMatchObject({ complete: false });
  });

  test('is an answering machine: greeting, beep, then it records', async () => {
    carrier.subscribe(
      NUMBER,
      answeringMachine({ ...FAST, greeting: tone(600, 300), beepMs: 200, recordMs: 700 }),
    );
    const call = await dial();
    await call.heard.waitForTone(600);
    const beep = await call.heard.waitForTone(BEEP_HZ);
    await call.heard.waitForSilence({ after: beep.at, forMs: 100 });
    void call.play(tone(440, 300));
    const machine = await carrier.waitForCall(NUMBER);
    await machine.heard.waitForTone(440);
    expect(await machine.ended()).toEqual({ by: 'us' });
    expect(marks(machine)).toEqual(['greeting', 'beep', 'recording']);
  });

  test('is a menu, whose key may be pressed before it has been said', async () => {
    const menu = tone(600, 10_000);
    carrier.subscribe(
      NUMBER,
      ivr({ ...FAST, menu, keys: { 1: async (call) => void call.play(tone(900, 400)) } }),
    );
    const call = await dial();
    await call.heard.waitForTone(600);
    await call.dtmf('7');
    const voice = await carrier.waitForCall(NUMBER);
    await expect.poll(() => marks(voice)).toEqual(['menu', 'key 7', 'menu']);
    await call.dtmf('1');
    await call.heard.waitForTone(900);
    expect(marks(voice)).toEqual(['menu', 'key 7', 'menu', 'key 1']);
    expect(voice.state).toBe('answered');
  });

  test('is a menu that hangs up on those who press nothing', async () => {
    carrier.subscribe(
      NUMBER,
      ivr({ ...FAST, menu: tone(600, 40), keys: {}, waitMs: 20, times: 2 }),
    );
    const call = await dial();
    expect(await call.ended()).toMatchObject({ by: 'them' });
    expect(marks(carrier.calls[0]!)).toEqual(['menu', 'menu']);
  });

  test('is screened: asks who calls, listens, then a person takes the call', async () => {
    carrier.subscribe(
      NUMBER,
      callScreening({
        ...FAST,
        question: tone(600, 200),
        silenceMs: 200,
        next: (call) => call.play(tone(900, 400)),
      }),
    );
    const call = await dial();
    await call.heard.waitForTone(600);
    await call.heard.waitForSilence({ forMs: 150 });
    await call.play(tone(440, 300));
    await call.heard.waitForTone(900);
    expect(marks(carrier.calls[0]!)).toEqual(['question', 'listening', 'stated']);
  });

  test('decides about being transferred', async () => {
    carrier.subscribe(NUMBER, transferredBy({ answer: 603 }, answers(FAST)));
    const call = await dial();
    await call.answered();
    expect(carrier.calls[0]?.onRefer('tel:+15550100300')).toEqual({ answer: 603 });
  });
});

describe('a carrier', () => {
  test('has many calls at once and counts them', async () => {
    carrier.subscribe(NUMBER, answers(FAST));
    const calls = await Promise.all([dial(), dial(), dial('+15550100299')]);
    await carrier.waitForCall(NUMBER, { nth: 2 });
    await Promise.all(calls.slice(0, 2).map((call) => call.answered()));
    expect(carrier.invites).toHaveLength(3);
    expect(carrier.callsTo(NUMBER)).toHaveLength(2);
    expect(carrier.callsTo('+15550100299')).toHaveLength(1);
  });

  test('hangs up, and says so, where what was agreed goes wrong', async () => {
    carrier.subscribe(NUMBER, answers({ ...FAST, say: '/no/such/file.wav' }));
    const call = await dial();
    expect(await call.ended()).toMatchObject({ by: 'them' });
    expect(carrier.failures.splice(0)).toMatchObject([{ code: 'ENOENT' }]);
  });
});
