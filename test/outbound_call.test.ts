import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { GREETER, Installation } from '../sim/installation/installation.ts';
import { waitFor } from '../sim/installation/wait_for.ts';
import { tones } from '../sim/phone/audio_analysis.ts';
import { answers, busy, rejects, ringsOut } from '../sim/phone/callee.ts';
import { END_HZ, START_HZ } from '../sim/realtime/voice.ts';

/** Calls once more whoever is busy, twice. */
const PERSISTENT = `name: Sales
numbers: ["+15550111001"]
prompt: Sell.
followups: [{ on: BUSY, after: 1s, times: 2 }]
`;

/** Has the front desk call whom the CRM thinks much of. */
const PROMOTER = `name: Promoter
numbers: ["+15550111002"]
prompt: Sell.
first_message: "Hello."
silence: { prompt_after_s: 0, hang_up_after_s: 0 }
rules:
  - on: call.completed
    when: contact.AnnualRevenue > 100000 and call.answered and outcome != "DNC"
    call_with: front-desk
`;

/** Made up; each test calls one of its own. */
const phone = (n: number) => `+155501119${String(n).padStart(2, '0')}`;

describe('an outbound call', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await Installation.start({
      stack: inject('stack'),
      number: '+15550111000',
      contacts: [
        { id: 'c1', name: 'Ada Lovelace', phone: phone(1) },
        { id: 'c14', name: 'Grace Hopper', phone: phone(14), AnnualRevenue: 250_000 },
        { id: 'c15', name: 'Mary Shelley', phone: phone(15), AnnualRevenue: 90_000 },
      ],
      profiles: {
        'front-desk.yaml': GREETER,
        'persistent.yaml': PERSISTENT,
        'promoter.yaml': PROMOTER,
      },
      env: {
        CALLING_HOURS: 'off',
        OUTBOUND_CALLS_PER_SECOND: '20',
        RING_SECONDS: '5',
        CALLS_PER_NUMBER_PER_DAY: '100',
        RATE_LIMIT_READS: '0',
      },
    });
  });
  afterAll(() => installation?.stop());

  const place = async (to: string, more: Record<string, unknown> = {}) => {
    const body = { agentId: 'front-desk', phoneNumber: to, knownConsent: true, ...more };
    return await installation.request('POST', '/v1/calls', { body });
  };
  const accepted = async (to: string, more: Record<string, unknown> = {}): Promise<string> => {
    const { status, body } = await place(to, more);
    expect({ status, body }).toMatchObject({
      status: 202,
      body: { call: { direction: 'outbound' } },
    });
    return body.call.id;
  };
  const shown = async (id: string) => {
    const { body } = await installation.request('GET', `/v1/calls/${id}`);
    return body.call;
  };
  const ended = (id: string) =>
    waitFor(
      async () => {
        const call = await shown(id);
        return call.status === 'ended' ? call : undefined;
      },
      { what: `the end of ${id}`, deadlineMs: 60_000 },
    );
  const eventsOf = async (id: string) => {
    const { body } = await installation.request('GET', `/v1/calls/${id}/events`);
    return (body.events as { event: string; sequence: number | null; data: object }[]).filter(
      ({ event, sequence }) => sequence !== null && !event.startsWith('crm.'),
    );
  };
  const rings = (id: string) =>
    waitFor(async () => (await shown(id)).status === 'ringing' || undefined, {
      what: 'the ringing',
      deadlineMs: 30_000,
    });
  /** The call's process first found: a worker that is dead says no more of it. */
  const killWithWorker = async (id: string) => {
    const callProcess = await installation.worker.callProcess(id);
    installation.worker.kill('SIGKILL');
    process.kill(callProcess, 'SIGKILL');
  };
  const typesOf = async (id: string) => (await eventsOf(id)).map(({ event }) => event);

  it('is dialled, greets whom it reaches by name, completely, and tells every step', async () => {
    installation.carrier.subscribe(phone(1), answers({ ringMs: 800 }));
    const id = await accepted(phone(1), { metadata: { lead: 7 } });
    const call = await installation.carrier.waitForCall(phone(1));
    expect(call.from).toBe(installation.number);
    // Nothing else sounds like it: three packets are enough on a machine that drops some.
    await call.heard.waitForTone(END_HZ, { minMs: 60, deadlineMs: 30_000 });
    const heard = tones(call.heard.samples(), [START_HZ, END_HZ]);
    expect(heard.some(({ present }) => present.includes(START_HZ))).toBe(true);
    await call.hangUp();
    expect(await ended(id)).toMatchObject({
      endReason: 'caller_hung_up',
      transcript: expect.stringContaining('Ada Lovelace'),
      contact: { name: 'Ada Lovelace' },
      metadata: { lead: 7 },
      gate: { acceptance: { allowed: true }, dialling: { allowed: true } },
    });
    await waitFor(async () => (await typesOf(id)).includes('call.completed') || undefined, {
      what: 'call.completed',
      deadlineMs: 20_000,
    });
    const events = await eventsOf(id);
    expect(events.map(({ event }) => event)).toEqual([
      'call.initiated',
      'call.started',
      'call.ringing',
      'call.answered',
      'call.ended',
      'call.completed',
    ]);
    expect(installation.carrier.callsTo(phone(1))).toHaveLength(1);
  });

  it.each([
    ['busy', 2, busy(), 486],
    ['no_answer', 3, ringsOut(), null],
    ['dial_failed', 4, rejects(603), 603],
    ['invalid_number', 5, rejects(404), 404],
  ] as const)('ends %s where that is what the phone says', async (reason, n, callee, status) => {
    installation.carrier.subscribe(phone(n), callee);
    const id = await accepted(phone(n));
    expect(await ended(id)).toMatchObject({ endReason: reason, answeredAt: null });
    const failed = (await eventsOf(id)).find(({ event }) => event === 'call.failed');
    expect(failed?.data).toMatchObject({ reason, sip_status: status });
    expect(installation.carrier.callsTo(phone(n))).toHaveLength(1);
  });

  it('is one, however often the same request comes', async () => {
    installation.carrier.subscribe(phone(6), answers({ ringMs: 100, hangUpAfterMs: 300 }));
    const more = { idempotencyKey: 'lead-6', variables: { a: 1, b: '' } };
    const answersOf = await Promise.all(Array.from({ length: 50 }, () => place(phone(6), more)));
    expect(new Set(answersOf.map(({ status }) => status))).toEqual(new Set([202]));
    const ids = new Set(answersOf.map(({ body }) => body.call.id as string));
    expect(ids.size).toBe(1);
    const other = await place(phone(6), { ...more, variables: { a: 2 } });
    expect(other).toMatchObject({ status: 409, body: { error: { code: 'idempotency_conflict' } } });
    await ended([...ids][0] ?? '');
    expect(installation.carrier.callsTo(phone(6))).toHaveLength(1);
  });

  it('is ended by the API in every state', async () => {
    installation.carrier.subscribe(phone(7), ringsOut());
    installation.carrier.subscribe(phone(8), answers({ ringMs: 100 }));
    const end = async (id: string) => await installation.request('POST', `/v1/calls/${id}/end`);
    const later = new Date(Date.now() + 3_600_000).toISOString();

    const scheduled = await accepted(phone(9), { scheduledFor: later });
    expect(await shown(scheduled)).toMatchObject({ status: 'scheduled' });
    expect((await end(scheduled)).body.call).toMatchObject({ endReason: 'ended_by_api' });

    const ringing = await accepted(phone(7));
    await rings(ringing);
    expect((await end(ringing)).body.call).toMatchObject({
      status: 'ended',
      endReason: 'ended_by_api',
    });

    const active = await accepted(phone(8));
    await waitFor(async () => (await shown(active)).status === 'active' || undefined, {
      what: 'the answer',
      deadlineMs: 30_000,
    });
    expect((await end(active)).body.call).toMatchObject({
      status: 'ended',
      endReason: 'ended_by_api',
    });
    expect((await end(active)).status).toBe(200);
    expect((await end('call_unknown')).status).toBe(404);
    expect(installation.carrier.callsTo(phone(9))).toHaveLength(0);
  });

  /**
   * 0 ms    `dialing` is committed; the request to end comes, and the room is deleted
   * 10 ms   livekit-sip and the process come into the room, and so make it anew
   *         the phone rang and was answered, or the record said `dial_failed` and a follow-up was made
   * This proves that a process that dials is told itself, and waits until the phone is let go of.
   */
  it.each([0, 0, 0, 20, 60])(
    'is ended by the API %i ms after it begins to be dialled, and the phone stops',
    async (afterMs) => {
      installation.carrier.subscribe(phone(30), answers({ ringMs: 3_000 }));
      const before = installation.carrier.callsTo(phone(30)).length;
      const id = await accepted(phone(30));
      while ((await shown(id)).status === 'queued');
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      const { body } = await installation.request('POST', `/v1/calls/${id}/end`);
      expect(body.call).toMatchObject({ status: 'ended', endReason: 'ended_by_api' });
      const rang = installation.carrier.callsTo(phone(30)).slice(before);
      for (const call of rang) expect(await call.ended()).toMatchObject({ by: 'cancelled' });
      const { rooms } = installation.livekit;
      await waitFor(async () => (await rooms.listRooms([id])).length === 0 || undefined, {
        what: 'the end of the room',
        deadlineMs: 40_000,
      });
      expect(installation.carrier.callsTo(phone(30)).length - before).toBe(rang.length);
      expect(await shown(id)).toMatchObject({ answeredAt: null, endReason: 'ended_by_api' });
    },
  );

  /*
   *   a worker is given the call's room ── the API ends the call, and deletes the room ── the process
   *   joins, which makes it anew; it is told that the call is over, and LiveKit keeps an empty room for minutes
   */
  it.each([0, 150, 300, 500, 700])(
    'is ended by the API %i ms after it was accepted, and leaves no room',
    async (afterMs) => {
      installation.carrier.subscribe(phone(32), answers({ ringMs: 3_000 }));
      const id = await accepted(phone(32));
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      const { body } = await installation.request('POST', `/v1/calls/${id}/end`);
      expect(body.call).toMatchObject({ status: 'ended', endReason: 'ended_by_api' });
      const { rooms } = installation.livekit;
      // Whoever was on the way into it has been there, or never will: only the next process is left.
      await waitFor(
        () => Promise.resolve(installation.worker.children().length <= 1 || undefined),
        {
          what: 'the end of its process',
          deadlineMs: 40_000,
        },
      );
      await waitFor(async () => (await rooms.listRooms([id])).length === 0 || undefined, {
        what: 'the end of the room',
        deadlineMs: 10_000,
      });
      // On a busy machine it may have been dialled by then.
      for (const call of installation.carrier.callsTo(phone(32))) {
        expect(await call.ended()).toMatchObject({ by: 'cancelled' });
      }
    },
  );

  /*
   *   the API is asked to end the call ── written down ──► its process is told
   *                                                            └─ killed before it has written the end
   *
   * The sweep took it for a call that had been lost: `dial_failed` or `worker_lost`, which a profile follows up, so
   * that somebody whose call had been cancelled was called again.
   */
  it.each(['ringing', 'active'] as const)(
    'that is %s and whose process dies as it is ended by the API ends by the API',
    async (state) => {
      installation.carrier.subscribe(
        phone(31),
        answers({ ringMs: state === 'active' ? 0 : 20_000 }),
      );
      const id = await accepted(phone(31), { agentId: 'persistent' });
      await waitFor(async () => (await shown(id)).status === state || undefined, {
        what: state,
        deadlineMs: 30_000,
      });
      const callProcess = await installation.worker.callProcess(id);
      process.kill(callProcess, 'SIGSTOP');
      const ending = installation.request('POST', `/v1/calls/${id}/end`);
      await new Promise((resolve) => setTimeout(resolve, 100));
      process.kill(callProcess, 'SIGKILL');
      expect((await ending).status).toBe(200);
      expect(await ended(id)).toMatchObject({ endReason: 'ended_by_api' });
      expect((await typesOf(id)).filter((type) => type === 'call.ended')).toHaveLength(1);
    },
  );

  it('is not placed to a number that is suppressed, whenever that is', async () => {
    const later = new Date(Date.now() + 4_000).toISOString();
    const waiting = await accepted(phone(10), { scheduledFor: later });
    const { status } = await installation.request('POST', '/v1/suppressions', {
      body: { phone: phone(10) },
    });
    expect(status).toBe(201);
    expect(await place(phone(10))).toMatchObject({
      status: 422,
      body: { error: { code: 'suppressed' } },
    });
    expect(await ended(waiting)).toMatchObject({
      endReason: 'blocked',
      gate: { dialling: { allowed: false } },
    });
    expect(installation.carrier.callsTo(phone(10))).toHaveLength(0);
  });

  it('is followed up as often as its profile says, with what it was asked for', async () => {
    installation.carrier.subscribe(phone(13), busy());
    const more = { agentId: 'persistent', metadata: { lead: 13 } };
    const first = await accepted(phone(13), more);
    const chain = await waitFor(
      async () => {
        const { body } = await installation.request('GET', '/v1/calls');
        const calls = body.calls as { id: string; to: string; status: string }[];
        const ours = calls.filter(({ to, status }) => to === phone(13) && status === 'ended');
        return ours.length === 3 ? ours.reverse() : undefined;
      },
      { what: 'two follow-ups', deadlineMs: 60_000 },
    );
    const [, second, third] = chain;
    expect(chain).toMatchObject([
      { id: first, followsCallId: null },
      { followsCallId: first, metadata: { lead: 13 }, endReason: 'busy' },
      { followsCallId: second?.id, metadata: { lead: 13 }, endReason: 'busy' },
    ]);
    await waitFor(async () => (await typesOf(third?.id ?? '')).includes('call.completed'), {
      what: 'the last call.completed',
      deadlineMs: 20_000,
    });
    expect(installation.carrier.callsTo(phone(13))).toHaveLength(3);
  });

  it('leads to one of another agent where a rule of its profile says so', async () => {
    const callee = answers({ ringMs: 100, hangUpAfterMs: 300 });
    for (const n of [14, 15]) installation.carrier.subscribe(phone(n), callee);
    const agentId = 'promoter';
    const poor = await accepted(phone(15), { agentId });
    await ended(poor);
    const rich = await accepted(phone(14), { agentId, metadata: { lead: 14 } });
    const next = await waitFor(
      async () => {
        const { body } = await installation.request('GET', '/v1/calls');
        const calls = body.calls as { followsCallId: string | null; status: string }[];
        expect(calls.filter(({ followsCallId }) => followsCallId === poor)).toEqual([]);
        const [next] = calls.filter(({ followsCallId }) => followsCallId === rich);
        return next?.status === 'ended' ? next : undefined;
      },
      { what: 'the call that the rule makes', deadlineMs: 60_000 },
    );
    expect(next).toMatchObject({
      agentId: 'front-desk',
      to: phone(14),
      metadata: { lead: 14 },
      contact: { name: 'Grace Hopper' },
    });
    expect(installation.carrier.callsTo(phone(14))).toHaveLength(2);
  });

  it('six at once are all greeted, each from the first tone to the last', async () => {
    const phones = Array.from({ length: 6 }, (_, n) => phone(20 + n));
    for (const to of phones) installation.carrier.subscribe(to, answers({ ringMs: 100 }));
    const ids = await Promise.all(phones.map((to) => accepted(to)));
    const greeted = phones.map(async (to) => {
      const call = await installation.carrier.waitForCall(to, { deadlineMs: 90_000 });
      await call.heard.waitForTone(END_HZ, { minMs: 60, deadlineMs: 30_000 });
      const heard = tones(call.heard.samples(), [START_HZ]);
      await call.hangUp();
      return heard.some(({ present }) => present.length > 0);
    });
    expect(await Promise.all(greeted)).toEqual(phones.map(() => true));
    for (const id of ids) expect(await ended(id)).toMatchObject({ endReason: 'caller_hung_up' });
    for (const to of phones) expect(installation.carrier.callsTo(to)).toHaveLength(1);
  });

  /**
   * 0 s   the call is given to a process that does not get on, as on a machine with too much to do
   * 10 s  nobody has begun to dial: its room was deleted, and it was dispatched again, six times
   *       in 90 s, to processes that waited behind the first one
   * then  the process gets on. This proves that it was waited for: one lease, one dispatch, one ring.
   */
  it('whose process is slow to start is given to no other, and rings once', async () => {
    const only = () => {
      const [pid, ...others] = installation.worker.children();
      return others.length === 0 ? pid : undefined;
    };
    const warm = await waitFor(only, {
      what: 'no process but the next call’s',
      deadlineMs: 60_000,
    });
    process.kill(warm, 'SIGSTOP');
    installation.carrier.subscribe(phone(16), answers({ ringMs: 100 }));
    const id = await accepted(phone(16));
    const said = (msg: string) =>
      installation.worker.lines.filter((line) => line.msg === msg && line.callId === id);
    await waitFor(() => said('the process for an outbound call is still starting').length > 0, {
      what: 'the wait for the process',
      deadlineMs: 30_000,
    });
    process.kill(warm, 'SIGCONT');
    const call = await installation.carrier.waitForCall(phone(16), { deadlineMs: 60_000 });
    await call.heard.waitForTone(END_HZ, { minMs: 60, deadlineMs: 30_000 });
    await call.hangUp();
    expect(await ended(id)).toMatchObject({ endReason: 'caller_hung_up' });
    expect(await installation.worker.callProcess(id)).toBe(warm);
    expect(said('nobody has taken an outbound call up')).toEqual([]);
    expect(installation.carrier.callsTo(phone(16))).toHaveLength(1);
  });

  it('whose worker and process die while it rings is never dialled again, and ends', async () => {
    installation.carrier.subscribe(phone(11), ringsOut());
    const id = await accepted(phone(11));
    await installation.carrier.waitForCall(phone(11));
    await rings(id);
    await killWithWorker(id);
    await installation.startWorker();
    const call = await ended(id);
    // It gives up ringing before the takeover, or behind it.
    expect(['no_answer', 'dial_failed']).toContain(call.endReason);
    expect((await typesOf(id)).filter((type) => type === 'call.ended')).toHaveLength(1);
    expect(installation.carrier.callsTo(phone(11))).toHaveLength(1);
  });

  // It ended `worker_lost`: nobody could tell it from a call that broke in the middle.
  it('that is answered and put down while nobody is there ends dial_failed, and says that', async () => {
    installation.carrier.subscribe(phone(18), answers({ ringMs: 1_500, hangUpAfterMs: 300 }));
    const id = await accepted(phone(18));
    const call = await installation.carrier.waitForCall(phone(18));
    await rings(id);
    await killWithWorker(id);
    await call.ended();
    await installation.startWorker();
    expect(await ended(id)).toMatchObject({
      endReason: 'dial_failed',
      answeredAt: null,
      durationSeconds: 0,
      costBreakdown: null,
    });
    const events = await eventsOf(id);
    const data = (type: string) => events.find(({ event }) => event === type)?.data;
    expect(data('call.error')).toMatchObject({ code: 'answer_unknown' });
    expect(data('call.failed')).toMatchObject({ reason: 'dial_failed', sip_status: null });
    expect(installation.carrier.callsTo(phone(18))).toHaveLength(1);
  });

  it('whose worker alone dies while it rings is hung up by its process, and ends dial_failed', async () => {
    installation.carrier.subscribe(phone(19), ringsOut());
    const id = await accepted(phone(19));
    const call = await installation.carrier.waitForCall(phone(19));
    await rings(id);
    installation.worker.kill('SIGKILL');
    expect(await call.ended()).toMatchObject({ by: 'cancelled' });
    await installation.startWorker();
    expect(await ended(id)).toMatchObject({ endReason: 'dial_failed', answeredAt: null });
    expect(await typesOf(id)).not.toContain('call.error');
    expect(installation.carrier.callsTo(phone(19))).toHaveLength(1);
  });

  /**
   * 0 s    it rings; worker and call process are killed, and a worker is started
   * 4 s    the phone is answered, and heard silence until the lease of the dead process had run out,
   *        30 s; who put it down before had never been called, said the record
   * This proves that the next worker need not wait for the lease to know that nobody has the call.
   */
  it('whose worker and process die while it rings is adopted by the next worker', async () => {
    installation.carrier.subscribe(phone(17), answers({ ringMs: 4_000 }));
    const id = await accepted(phone(17));
    const call = await installation.carrier.waitForCall(phone(17));
    await rings(id);
    await killWithWorker(id);
    await installation.startWorker();
    await call.heard.waitForTone(END_HZ, { minMs: 60, deadlineMs: 60_000 });
    await call.hangUp();
    expect(await ended(id)).toMatchObject({
      endReason: 'caller_hung_up',
      answeredAt: expect.any(String),
    });
    const said = installation.worker.lines.filter((line) => line.callId === id);
    expect(said.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining([
        'nobody holds a call of the worker before: it is swept up',
        'call was lost, its phone is given to a new process',
      ]),
    );
    expect(said.map(({ msg }) => msg)).not.toContain('call was lost, ending it');
    expect(await typesOf(id)).toEqual(
      expect.arrayContaining(['call.ringing', 'call.answered', 'call.ended']),
    );
    expect(installation.carrier.callsTo(phone(17))).toHaveLength(1);
  });

  it('whose process dies while it rings is adopted: the phone is answered and greeted', async () => {
    installation.carrier.subscribe(phone(12), answers({ ringMs: 4_000 }));
    const id = await accepted(phone(12));
    const call = await installation.carrier.waitForCall(phone(12));
    await rings(id);
    process.kill(await installation.worker.callProcess(id), 'SIGKILL');
    await call.heard.waitForTone(END_HZ, { deadlineMs: 30_000 });
    await call.hangUp();
    expect(await ended(id)).toMatchObject({ endReason: 'caller_hung_up' });
    expect(await typesOf(id)).toEqual(
      expect.arrayContaining(['call.started', 'call.answered', 'call.ended']),
    );
    expect(installation.carrier.callsTo(phone(12))).toHaveLength(1);
  });
});
