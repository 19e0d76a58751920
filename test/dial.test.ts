import { Room } from '@livekit/rtc-node';
import { AccessToken, type SipClient } from 'livekit-server-sdk';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  it,
  vi,
} from 'vitest';
import { waitFor } from '../sim/installation/wait_for.ts';
import {
  answers,
  busy,
  type Callee,
  hangsUpOnGreeting,
  rejects,
  ringsOut,
  staysSilent,
} from '../sim/phone/callee.ts';
import { Carrier } from '../sim/phone/carrier.ts';
import { type DialOptions, dial } from '../src/telephony/dial.ts';
import { adoptable, followLeg, hangUpLeg } from '../src/telephony/dialled_leg.ts';
import { type LiveKitApi, livekitApi } from '../src/telephony/livekit_api.ts';
import { provisionOutbound, removeOutbound } from '../src/telephony/outbound_trunk.ts';

// LiveKit's client for Node reads it when it is loaded, and writes a line for each connection.
vi.hoisted(() => vi.stubEnv('NODE_ENV', 'production'));

const TRUNK = 'dial-test';
const FROM = '+15550108000';
const TO = '+15550108200';
const PHONE = 'phone';
const RINGING = { ringMs: 300 };

let livekit: LiveKitApi;
let carrier: Carrier;
let trunkId: string;
let room: Room;
let call: AbortController;
let count = 0;

async function trunkTo(address: string, login = { username: '', password: '' }): Promise<string> {
  const { id } = await provisionOutbound(livekit.sip, {
    address,
    transport: 'udp',
    username: login.username || undefined,
    password: login.password || undefined,
    callerNumber: FROM,
    name: TRUNK,
  });
  return id;
}

/** As an agent is in the room of its call. */
async function join(name: string, identity: string): Promise<Room> {
  const { url, apiKey, apiSecret } = inject('stack');
  const token = new AccessToken(apiKey, apiSecret, { identity });
  token.addGrant({ roomJoin: true, room: name });
  const joined = new Room();
  await joined.connect(url, await token.toJwt(), { autoSubscribe: false, dynacast: false });
  return joined;
}

beforeAll(async () => {
  livekit = livekitApi(inject('stack'));
  carrier = await Carrier.open();
  trunkId = await trunkTo(carrier.address);
});
beforeEach(async () => {
  call = new AbortController();
  carrier.calls.splice(0);
  room = await join(`dial-test-${++count}`, 'agent');
});
afterEach(async () => {
  call.abort();
  await livekit.rooms.deleteRoom(room.name ?? '').catch(() => {});
  await room.disconnect();
  for (const one of carrier.calls) await one.ended();
  expect(carrier.failures).toEqual([]);
});
afterAll(async () => {
  await carrier?.close();
  await removeOutbound(livekit.sip, { name: TRUNK });
});

function dialPhone(options: Partial<DialOptions> = {}) {
  return dial({
    sip: livekit.sip,
    rooms: livekit.rooms,
    trunkId,
    to: TO,
    from: FROM,
    room,
    identity: PHONE,
    ringingTimeoutInSeconds: 20,
    maxCallDurationInSeconds: 60,
    signal: call.signal,
    ...options,
  });
}

const leg = () => adoptable(livekit.rooms, room.name ?? '', PHONE);
const inRoom = () => room.remoteParticipants.get(PHONE)?.attributes['sip.callStatus'];

describe('a phone that is dialled', () => {
  it('rings, answers, is in the room, and hears when we hang up', async () => {
    carrier.subscribe(TO, answers(RINGING));
    let rang = false;
    const outcome = await dialPhone({
      onRinging: () => {
        rang = true;
      },
    });
    expect(outcome).toEqual({ outcome: 'answered', sipStatus: null, reason: '' });
    expect(rang).toBe(true);
    expect(await leg()).toMatchObject({ identity: PHONE, callStatus: 'active' });
    const [phone] = carrier.callsTo(TO);
    expect(phone).toMatchObject({ state: 'answered', from: FROM });

    expect(await hangUpLeg(livekit.rooms, room.name ?? '', PHONE)).toBe(true);
    expect(await phone?.ended()).toMatchObject({ by: 'them' });
    await waitFor(async () => (await leg()) === null, { what: 'the leg to be gone' });
    expect(carrier.callsTo(TO)).toHaveLength(1);
  });

  const refusals: [string, Callee, string, number][] = [
    ['is busy', busy(), 'busy', 486],
    ['is busy everywhere', rejects(600), 'busy', 600],
    ['is switched off', rejects(480), 'no_answer', 480],
    ['does not exist', rejects(404), 'invalid_number', 404],
    ['has an incomplete number', rejects(484), 'invalid_number', 484],
    ['declines', rejects(603, RINGING), 'dial_failed', 603],
    ['is barred', rejects(403), 'dial_failed', 403],
    ['is behind a broken carrier', rejects(503), 'dial_failed', 503],
  ];
  it.each(refusals)('and %s', async (_, callee, outcome, sipStatus) => {
    carrier.subscribe(TO, callee);
    expect(await dialPhone()).toMatchObject({ outcome, sipStatus });
    expect(carrier.callsTo(TO)).toHaveLength(1);
    expect(await leg()).toBeNull();
  });

  it('rings in vain until our time is up, and is told to stop', async () => {
    carrier.subscribe(TO, ringsOut());
    expect(await dialPhone({ ringingTimeoutInSeconds: 2 })).toMatchObject({
      outcome: 'no_answer',
      sipStatus: null,
    });
    expect(await carrier.calls[0]?.ended()).toMatchObject({ by: 'cancelled' });
    expect(carrier.callsTo(TO)).toHaveLength(1);
  });

  it('is never said to ring where the carrier swallows the call', async () => {
    carrier.subscribe(TO, staysSilent());
    let rang = false;
    const onRinging = () => {
      rang = true;
    };
    const outcome = await dialPhone({ ringingTimeoutInSeconds: 2, onRinging });
    expect(outcome).toMatchObject({ outcome: 'no_answer' });
    expect(rang).toBe(false);
  });

  it('rings with early media', async () => {
    carrier.subscribe(TO, answers({ ...RINGING, earlyMedia: true }));
    let rang = false;
    const onRinging = () => {
      rang = true;
    };
    expect(await dialPhone({ onRinging })).toMatchObject({ outcome: 'answered' });
    expect(rang).toBe(true);
  });

  it('answers and hangs up at once: answered all the same', async () => {
    carrier.subscribe(TO, answers({ ringMs: 50, hangUpAfterMs: 0 }));
    expect(await dialPhone()).toMatchObject({ outcome: 'answered' });
    await waitFor(async () => (await leg()) === null, { what: 'the leg to be gone' });
  });

  it('is one of several, each dialled once', async () => {
    const numbers = ['1', '2', '3'].map((last) => `+1555010830${last}`);
    carrier.subscribe(numbers[0]!, answers(RINGING));
    carrier.subscribe(numbers[1]!, hangsUpOnGreeting());
    carrier.subscribe(numbers[2]!, busy());
    const outcomes = await Promise.all(
      numbers.map((to) => dialPhone({ to, identity: `phone-${to}` })),
    );
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['answered', 'answered', 'busy']);
    expect(carrier.calls.map(({ number }) => number).toSorted()).toEqual(numbers);
  });
});

describe('a call that is given up', () => {
  it('while it rings: the phone is told to stop', async () => {
    carrier.subscribe(TO, ringsOut());
    const outcome = dialPhone({ onRinging: () => call.abort() });
    expect(await outcome).toMatchObject({ outcome: 'cancelled' });
    expect(await carrier.calls[0]?.ended()).toMatchObject({ by: 'cancelled' });
    expect(await leg()).toBeNull();
  });

  it('at once leaves nothing that rings', async () => {
    carrier.subscribe(TO, ringsOut());
    const outcome = dialPhone();
    call.abort();
    expect(await outcome).toMatchObject({ outcome: 'cancelled' });
    expect(await leg()).toBeNull();
    for (const one of carrier.calls) expect(await one.ended()).toMatchObject({ by: 'cancelled' });
  });

  it('by somebody else, who takes the phone out of the room', async () => {
    carrier.subscribe(TO, ringsOut());
    const outcome = dialPhone();
    await waitFor(() => inRoom() === 'ringing', { what: 'ringing' });
    expect(await hangUpLeg(livekit.rooms, room.name ?? '', PHONE)).toBe(true);
    expect(await outcome).toMatchObject({ outcome: 'cancelled' });
    expect(await carrier.calls[0]?.ended()).toMatchObject({ by: 'cancelled' });
  });

  it('by somebody else, who deletes the room', async () => {
    carrier.subscribe(TO, ringsOut());
    const outcome = dialPhone();
    await waitFor(() => inRoom() === 'ringing', { what: 'ringing' });
    await livekit.rooms.deleteRoom(room.name ?? '');
    expect(await outcome).toMatchObject({ outcome: 'cancelled' });
    expect(await carrier.calls[0]?.ended()).toMatchObject({ by: 'cancelled' });
  });
});

describe('a call that another process has dialled', () => {
  /** What a process that died has left behind: nobody waits for LiveKit's answer any more. */
  const leaveBehind = (sip: SipClient = livekit.sip) =>
    sip.createSipParticipant(trunkId, TO, room.name ?? '', {
      participantIdentity: PHONE,
      ringingTimeout: 4,
    });

  const follow = (deadlineMs = 20_000) =>
    followLeg({
      rooms: livekit.rooms,
      room,
      identity: PHONE,
      deadline: performance.now() + deadlineMs,
      appearWithinMs: 5_000,
      signal: call.signal,
    });

  it('is found while it rings, and followed to its answer', async () => {
    carrier.subscribe(TO, answers({ ringMs: 1_000 }));
    await leaveBehind();
    await waitFor(async () => (await leg())?.callStatus === 'ringing', { what: 'ringing' });
    expect(await follow()).toMatchObject({ outcome: 'answered' });
    expect(await leg()).toMatchObject({ callStatus: 'active' });
    expect(carrier.callsTo(TO)).toHaveLength(1);
  });

  it.each([
    ['is busy', busy(), 'dial_failed'],
    ['declines', rejects(603), 'dial_failed'],
    ['is behind a broken carrier', rejects(503), 'dial_failed'],
    ['does not exist', rejects(404), 'no_answer'],
    ['rings in vain', ringsOut(), 'no_answer'],
  ] as const)('is followed to a phone that %s', async (_, callee, outcome) => {
    // Whoever watches is there before the end.
    const ring: Callee = async (phone) => {
      phone.ring();
      await waitFor(() => inRoom() === 'ringing', { what: 'ringing' });
      await callee(phone);
    };
    carrier.subscribe(TO, ring);
    await leaveBehind();
    expect(await follow()).toMatchObject({ outcome });
    expect(await leg()).toBeNull();
  });

  it('is hung up when its time is up', async () => {
    carrier.subscribe(TO, ringsOut());
    await leaveBehind();
    expect(await follow(1_000)).toMatchObject({ outcome: 'no_answer' });
    expect(await carrier.calls[0]?.ended()).toMatchObject({ by: 'cancelled' });
  });

  it('is not there any more', async () => {
    expect(await leg()).toBeNull();
    expect(await adoptable(livekit.rooms, 'a room that never was')).toBeNull();
  });

  it('is the same for a request that was broken off: followed, and not dialled again', async () => {
    carrier.subscribe(TO, answers({ ringMs: 1_000 }));
    const brokenOff = {
      createSipParticipant: async () => {
        await leaveBehind();
        throw new TypeError('fetch failed');
      },
    } as unknown as SipClient;
    expect(await dialPhone({ sip: brokenOff })).toMatchObject({ outcome: 'answered' });
    expect(carrier.callsTo(TO)).toHaveLength(1);
  });
});

describe('a trunk', () => {
  const login = { username: 'trunk', password: 'made-up' };
  let guarded: Carrier;
  beforeAll(async () => {
    guarded = await Carrier.open({ login });
    guarded.subscribe(TO, answers(RINGING));
  });
  afterAll(async () => {
    await guarded?.close();
    await trunkTo(carrier.address);
  });

  it('that asks for a login gets it: two INVITEs, one call', async () => {
    trunkId = await trunkTo(guarded.address, login);
    expect(await dialPhone()).toMatchObject({ outcome: 'answered' });
    expect(guarded.invites.map(({ challenged }) => challenged)).toEqual([true, false]);
    expect(guarded.callsTo(TO)).toHaveLength(1);
  });

  it.each([
    ['wrong', { ...login, password: 'guessed' }],
    ['missing', { username: '', password: '' }],
  ])('whose login is %s refuses', async (_, wrong) => {
    trunkId = await trunkTo(guarded.address, wrong);
    const before = guarded.calls.length;
    expect(await dialPhone()).toMatchObject({
      outcome: 'dial_failed',
      reason: 'the carrier refuses the login',
    });
    expect(guarded.calls).toHaveLength(before);
  });

  it('that is not there any more', async () => {
    expect(await dialPhone({ trunkId: 'ST_made_up' })).toMatchObject({ outcome: 'dial_failed' });
  });
});
