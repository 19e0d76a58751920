import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { shownCall } from '../api/shown_call.ts';
import { draftEvent } from '../events/catalogue.ts';
import { newId } from '../ids.ts';
import type { Append, AppendResult, CallRecord, Store, StoredEvent } from '../store/store.ts';
import { Closer } from './closer.ts';
import type { JsonObject } from './loose.ts';
import { recognise } from './platforms.ts';
import {
  bland,
  CALLER,
  CREDENTIAL,
  ENDED_AT,
  elevenlabs,
  OURS,
  retell,
  SIMPLIFIED_STORY,
  STARTED_AT,
  simplified,
  TRANSCRIPT,
  vapi,
} from './testing/bodies.ts';
import { type Door, openDoor } from './testing/door.ts';

/** What there is of a call: as the API shows it, and its events with what they say. */
async function recordOf({ store }: { store: Store }, id: string) {
  const call = (await store.getCall(id)) as CallRecord;
  const [events, facts] = [await store.listCallEvents(id), await store.listFacts(id)];
  return { call: shownCall(call, { events, facts, recording: null }), events: events.map(parsed) };
}

const parsed = ({ body }: StoredEvent) => JSON.parse(body) as Parsed;
interface Parsed {
  event: string;
  timestamp: string;
  data: Record<string, unknown>;
}

async function told(door: Door, bodies: readonly unknown[]): Promise<string> {
  let id = '';
  for (const body of bodies) {
    const answer = await door.tell(body);
    expect(answer).toMatchObject({ status: 200, body: { success: true } });
    const given = (answer.body as { id: string }).id;
    expect(id === '' || id === given).toBe(true);
    id = given;
  }
  return id;
}

const types = ({ events }: { events: Parsed[] }) => events.map(({ event }) => event);

describe('a call of another platform', () => {
  it.each([
    ['Retell', [retell.started(), retell.ended(), retell.analyzed()], 'retell'],
    ['Vapi', [vapi.ringing(), vapi.inProgress(), vapi.ended(), vapi.report()], 'vapi'],
    ['Bland', [bland.live(), bland.postCall()], 'bland'],
    ['ElevenLabs', [elevenlabs.transcription()], 'elevenlabs'],
  ])('of %s is one record like our own', async (_, bodies, provider) => {
    const door = await openDoor();
    const id = await told(door, bodies);
    const record = await recordOf(door, id);
    expect(types(record)).toEqual(
      ['call.started', 'call.answered', 'call.ended', 'call.recording_ready'].filter(
        (type) => provider !== 'elevenlabs' || type !== 'call.recording_ready',
      ),
    );
    expect(record.call).toMatchObject({
      provider,
      status: 'ended',
      direction: 'inbound',
      from: CALLER,
      to: OURS,
      endReason: 'caller_hung_up',
      durationSeconds: 96,
      transcript: TRANSCRIPT,
      answeredAt: new Date(STARTED_AT).toISOString(),
      endedAt: new Date(ENDED_AT).toISOString(),
      contact: { id: 'c21', phone: CALLER },
    });
    const { data } = record.events.find(({ event }) => event === 'call.ended') as Parsed;
    expect(data).toMatchObject({
      provider,
      provider_call_id: record.call.providerCallId,
      duration_seconds: 96,
      end_reason: 'caller_hung_up',
      transcript: TRANSCRIPT,
      contact: { id: 'c21', phone: CALLER },
    });
  });

  it('that is told of in the simplified shape has every event', async () => {
    const door = await openDoor();
    const record = await recordOf(door, await told(door, SIMPLIFIED_STORY));
    expect(types(record)).toEqual([
      'call.initiated',
      'call.ringing',
      'call.answered',
      'call.ended',
      'call.recording_ready',
    ]);
    expect(record.events.map(({ data }) => data.provider)).toEqual(Array(5).fill('harbour-glue'));
    expect(record.call).toMatchObject({ agentId: 'front-desk', durationSeconds: 96 });
  });

  it('that nobody took has failed, and ended', async () => {
    const door = await openDoor();
    const record = await recordOf(door, await told(door, [elevenlabs.failure()]));
    expect(types(record)).toEqual(['call.initiated', 'call.failed', 'call.ended']);
    expect(record.call).toMatchObject({
      endReason: 'no_answer',
      answeredAt: null,
      durationSeconds: 0,
    });
  });

  it.each([
    [undefined, 'outbound', 'call.initiated', OURS],
    ['outbound', 'outbound', 'call.initiated', OURS],
    ['inbound', 'inbound', 'call.started', CALLER],
  ])(
    'whose only report has the direction %j is %s, and begins with %s',
    async (given, direction, first, phone) => {
      const door = await openDoor();
      const body = simplified('call.completed', { direction: given, duration: 96 });
      const record = await recordOf(door, await told(door, [body]));
      expect(types(record)).toEqual([first, 'call.answered', 'call.ended']);
      expect(record.events.map(({ data }) => data.direction)).toEqual(Array(3).fill(direction));
      expect(record.call).toMatchObject({ direction, contact: { phone } });
    },
  );

  it('is moved by no event that nobody knows', async () => {
    const door = await openDoor();
    const more = {
      direction: 'inbound',
      answered_at: '2026-11-02T09:00:05Z',
      transcript: TRANSCRIPT,
    };
    const unknown = simplified('call.sang', {
      ...more,
      recording_url: 'https://recordings.example/a',
    });
    const record = await recordOf(door, await told(door, [unknown]));
    expect(types(record)).toEqual([]);
    // Nobody has said that it rings.
    expect(record.call).toMatchObject({ status: 'dialing', answeredAt: null, from: CALLER });
    for (const [event, status] of [
      ['call.initiated', 'dialing'],
      ['call.ringing', 'ringing'],
      ['call.answered', 'active'],
      ['call.completed', 'ended'],
    ] as const) {
      const others = { ...unknown, callId: `after ${event}` };
      const id = await told(door, [{ ...simplified(event), callId: others.callId }]);
      const before = await recordOf(door, id);
      expect(before.call.status).toBe(status);
      await told(door, [others]);
      const { call, events } = await recordOf(door, id);
      const { answeredAt, endedAt } = before.call;
      expect(call).toMatchObject({ status, answeredAt, endedAt });
      expect(events.filter(({ event: type }) => type !== 'call.recording_ready')).toEqual(
        before.events,
      );
    }
  });

  it('of which nobody ever says how far it is begins and ends when it is closed', async () => {
    let now = STARTED_AT;
    const door = await openDoor({ clock: () => now });
    const id = await told(door, [simplified('call.sang', { direction: 'inbound' })]);
    now += 6 * 3_600_000 + 1;
    const commit = async (append: Append) => (await door.store.append([append]))[0] as AppendResult;
    const log = pino({ level: 'silent' });
    await new Closer({ store: door.store, commit, log, clock: () => now }).closeDue();
    expect(types(await recordOf(door, id))).toEqual(['call.started', 'call.failed', 'call.ended']);
  });

  const stories = {
    retell: [retell.started(), retell.ended(), retell.analyzed()],
    vapi: [vapi.ringing(), vapi.inProgress(), vapi.ended(), vapi.report()],
    bland: [bland.live(), bland.postCall()],
    simplified: SIMPLIFIED_STORY,
    failed: [
      simplified('call.initiated', { callId: 'sim_2', timestamp: '2026-11-02T09:00:00Z' }),
      simplified('call.ringing', { callId: 'sim_2', timestamp: '2026-11-02T09:00:03Z' }),
      simplified('call.failed', {
        callId: 'sim_2',
        status: 'no-answer',
        timestamp: '2026-11-02T09:00:40Z',
      }),
    ],
    // Its first event was missing, or came only where the report with the direction came first.
    'a dialler that does not say who called': [
      simplified('call.ringing', { callId: 'sim_3', timestamp: '2026-11-02T09:00:03Z' }),
      simplified('call.completed', {
        callId: 'sim_3',
        duration: 96,
        timestamp: '2026-11-02T09:01:36Z',
      }),
    ],
    'one that sings': [
      simplified('call.sang', {
        callId: 'sim_6',
        answered_at: '2026-11-02T09:00:05Z',
        direction: 'inbound',
      }),
      simplified('call.ringing', { callId: 'sim_6', timestamp: '2026-11-02T09:00:03Z' }),
      simplified('call.failed', {
        callId: 'sim_6',
        timestamp: '2026-11-02T09:00:40Z',
        direction: 'outbound',
      }),
    ],
    'one that says it at the end alone': [
      simplified('call.initiated', { callId: 'sim_4', timestamp: '2026-11-02T08:59:55Z' }),
      simplified('call.ringing', { callId: 'sim_4', timestamp: '2026-11-02T09:00:03Z' }),
      simplified('call.answered', { callId: 'sim_4', timestamp: '2026-11-02T09:00:10Z' }),
      simplified('call.completed', {
        callId: 'sim_4',
        direction: 'inbound',
        duration: 96,
        timestamp: '2026-11-02T09:01:36Z',
      }),
    ],
  };

  it.each(Object.entries(stories))(
    'of %s comes to the same in any order and with any repeats',
    async (_, bodies) => {
      const door = await openDoor();
      const whole = settled(await recordOf(door, await told(door, bodies)));
      let run = 0;
      const order = fc.shuffledSubarray([...bodies.keys()], { minLength: bodies.length });
      const repeats = fc.array(fc.nat(bodies.length - 1), { maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(order, repeats, async (indices, again) => {
          const others = renamed(bodies, `other_${run++}`);
          const shuffled = [...indices];
          for (const index of again) {
            shuffled.splice((index * 7) % (shuffled.length + 1), 0, index);
          }
          const id = await told(
            door,
            shuffled.map((index) => others[index]),
          );
          expect(settled(await recordOf(door, id))).toEqual(whole);
        }),
        { numRuns: 50 },
      );
    },
    60_000,
  );
});

/** The same webhooks of another call. */
function renamed(bodies: readonly JsonObject[], name: string): JsonObject[] {
  return bodies.map((body) => {
    const reading = recognise(body).read(ENDED_AT);
    if (reading.kind !== 'report') throw new Error(`it is ${reading.kind}`);
    return JSON.parse(JSON.stringify(body).replaceAll(reading.callId, name));
  });
}

/** Without what is the installation's own: its ids, and in which order it heard of things. */
function settled({
  call: { id: _, providerCallId: __, ...call },
  events,
}: Awaited<ReturnType<typeof recordOf>>) {
  const ended = events.find(({ event }) => event === 'call.ended');
  const { call_id, provider_call_id, ...data } = ended?.data ?? {};
  return {
    call,
    types: types({ events }).sort(),
    ended: { ...data, timestamp: ended?.timestamp },
  };
}

describe('the contact', () => {
  const ida = {
    id: 'c77',
    name: 'Ida Example',
    phone: CALLER,
    email: null,
    accountStatus: null,
    lastInteraction: null,
    preferredLanguage: null,
  };

  it('is the one that the platform names, else whom the CRM has under the number', async () => {
    const door = await openDoor({ contacts: { [CALLER]: ida } });
    const named = await recordOf(door, await told(door, [retell.ended()]));
    expect(named.call.contact).toMatchObject({ id: 'c21' });
    const nameless = [retell.ended({ call_id: 'call_nameless', metadata: {} })];
    const found = await recordOf(door, await told(door, [...nameless, ...nameless]));
    expect(found.call.contact).toEqual({ id: 'c77', name: 'Ida Example', phone: CALLER });
    const { data } = found.events.find(({ event }) => event === 'call.ended') as Parsed;
    expect(data).toMatchObject({ contact_id: 'c77', contact: found.call.contact });
  });

  // The id of the company's own CRM: the built-in one had nobody with it, and the contact did not learn of the call.
  it('with an id that the built-in CRM does not have is whoever has the number', async () => {
    const door = await openDoor();
    const id = await told(door, [retell.ended()]);
    const data = {
      outcome: 'RESOLVED',
      extraction: null,
      recording_url: null,
      recording_expires_at: null,
    } as const;
    const completed = draftEvent('call.completed', data, { id: newId('evt'), time: ENDED_AT });
    await door.store.append([{ callId: id, events: [completed] }]);
    const [contact, ...others] = await door.store.listContacts({ limit: 5 });
    expect(others).toEqual([]);
    expect(contact).toMatchObject({ phone: CALLER, callCount: 1, lastCallDuration: 96 });
  });

  it('of a call without a number is nobody', async () => {
    const door = await openDoor();
    const nameless = { metadata: undefined, from: 'client:ida', direction: 'inbound' };
    const bodies = [simplified('call.completed', { callId: 'sim_5', duration: 9, ...nameless })];
    const { call } = await recordOf(door, await told(door, bodies));
    expect(call).toMatchObject({ from: 'client:ida', contact: { id: null, phone: null } });
  });
});

describe('a platform that does not say everything', () => {
  const NOW = Date.UTC(2026, 10, 2, 10, 0, 0);

  function closed(door: Door, clock: () => number): Promise<string[]> {
    const commit = async (append: Append) => (await door.store.append([append]))[0] as AppendResult;
    const log = pino({ level: 'silent' });
    return new Closer({ store: door.store, commit, log, clock }).closeDue();
  }

  it('that a call ended is closed once it has been silent for long enough', async () => {
    let now = NOW;
    const door = await openDoor({ clock: () => now, staleAfterMs: 3_600_000 });
    const id = await told(door, [retell.started()]);
    now += 1_800_000;
    await told(door, [{ ...retell.started(), event: 'transfer_started' }]);
    now = NOW + 3_600_001;
    expect(await closed(door, () => now)).toEqual([]);
    expect((await recordOf(door, id)).call.status).toBe('active');
    now = NOW + 1_800_000 + 3_600_001;
    expect(await closed(door, () => now)).toEqual([id]);
    expect(await closed(door, () => now)).toEqual([]);
    const record = await recordOf(door, id);
    expect(record.call).toMatchObject({ status: 'ended', endReason: 'unknown' });
    expect(types(record).at(-1)).toBe('call.ended');

    // It says so after all: the call is put right, and not ended twice.
    await told(door, [retell.ended()]);
    const late = await recordOf(door, id);
    expect(late.call).toMatchObject({ endReason: 'caller_hung_up', durationSeconds: 96 });
    expect(types(late).filter((type) => type === 'call.ended')).toHaveLength(1);
  });

  it('what an ended call was is closed with what is known, a moment later', async () => {
    let now = NOW;
    const door = await openDoor({ clock: () => now });
    const id = await told(door, [vapi.inProgress(), vapi.ended()]);
    expect((await recordOf(door, id)).call.status).toBe('active');
    now += 15_001;
    expect(await closed(door, () => now)).toEqual([id]);
    expect(await closed(door, () => now)).toEqual([]);
    expect((await recordOf(door, id)).call).toMatchObject({
      status: 'ended',
      endReason: 'caller_hung_up',
    });
  });
});

describe('what must not be kept', () => {
  it('no credential of any body is in the database, or in the log', async () => {
    const door = await openDoor();
    const bodies = [
      retell.started(),
      retell.analyzed(),
      { ...retell.started(), event: 'transfer_started', option: { password: CREDENTIAL } },
      vapi.ringing(),
      vapi.report({ transcript: `AI: the key is ${CREDENTIAL}` }),
      vapi.message({ type: 'hang', note: `with ${CREDENTIAL} inside` }),
      bland.live(),
      bland.postCall({ summary: `they said ${CREDENTIAL}` }),
      elevenlabs.transcription(),
      elevenlabs.failure(),
      ...SIMPLIFIED_STORY,
      simplified('call.sang', {
        callId: 'sim_9',
        secrets: [CREDENTIAL],
        deep: { apiKey: CREDENTIAL },
      }),
      simplified('call.completed', {
        callId: 'sim_8',
        authToken: CREDENTIAL,
        transcript: `User: ${CREDENTIAL}`,
      }),
    ];
    for (const body of bodies) expect((await door.tell(body)).status).toBe(200);
    const files = await readdir(door.dataDir);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const bytes = await readFile(join(door.dataDir, file));
      expect([file, bytes.includes(CREDENTIAL)]).toEqual([file, false]);
    }
    expect(door.logged.join('')).not.toContain(CREDENTIAL);
  });

  it('a name and password in the URL of a recording are not', async () => {
    const door = await openDoor();
    const recording_url = 'https://user:made-up@recordings.example/a.wav';
    const id = await told(door, [retell.ended({ recording_url })]);
    expect((await recordOf(door, id)).call.recordingUrl).toBe('https://recordings.example/a.wav');
  });
});

describe('a body of any size', () => {
  it('a transcript of a megabyte is kept whole, and cut in the event', async () => {
    const door = await openDoor();
    const words = 'It has been raining in the harbour all day. '.repeat(25_000);
    const id = await told(door, [
      retell.ended({ transcript: `User: ${words}`, transcript_object: [] }),
    ]);
    const { call, events } = await recordOf(door, id);
    expect(call.transcript.length).toBeGreaterThan(1_000_000);
    const { data } = events.find(({ event }) => event === 'call.ended') as Parsed;
    expect(data).toMatchObject({ transcript_truncated: true, transcript_url: `/v1/calls/${id}` });
  });

  it('metadata and an analysis that are too large lose their largest fields', async () => {
    const door = await openDoor();
    const metadata = { contactId: 'c21', novel: 'x'.repeat(200_000) };
    const id = await told(door, [
      simplified('call.completed', {
        metadata,
        extraction: { mood: 'good', essay: 'y'.repeat(99_000) },
      }),
    ]);
    const { call } = await recordOf(door, id);
    expect(call.metadata).toEqual({ contactId: 'c21' });
    expect(call.extraction).toEqual({ mood: 'good' });
  });

  it('is answered, however deep or odd it is', async () => {
    const door = await openDoor();
    const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
    expect(await door.tell('garbage')).toMatchObject({ status: 400 });
    expect(await door.tell('[]')).toMatchObject({ status: 400 });
    expect(await door.tell('null')).toMatchObject({ status: 400 });
    expect(await door.tell(deep)).toMatchObject({ status: 400 });
    const within = `{"provider":"x","callId":"d1","event":"call.odd","metadata":${deep}}`;
    expect(await door.tell(within)).toMatchObject({ status: 200 });
    const odd = {
      provider: 'x',
      callId: 'd2',
      summary: 'a\u0000b\ud800',
      event: 'call.completed',
      __proto__: { a: 1 },
    };
    expect(await door.tell(odd)).toMatchObject({ status: 200 });
  });

  it('of a call whose id is no text that can be kept is refused', async () => {
    const door = await openDoor();
    for (const callId of ['a\u0000b', '\u0000', 'a\nb', 'a\u0085', 'a\ud800']) {
      expect(await door.tell(simplified('call.ringing', { callId }))).toMatchObject({
        status: 400,
        body: {
          error: 'Invalid webhook payload',
          message: expect.stringContaining('Invalid field: callId'),
        },
      });
    }
    // More digits than a number has in JSON: the next one would have been the same call.
    const rounded = `{"provider":"x","event":"call.ringing","callId":12345678901234567891}`;
    expect(await door.tell(rounded)).toMatchObject({ status: 400 });
    expect(await door.store.listCalls({ limit: 5 })).toEqual([]);
  });

  it('without the id of a call is refused', async () => {
    const door = await openDoor();
    const message = 'Missing required field: callId';
    for (const body of [{}, { provider: 'retell' }, { message: { type: 'hang' } }]) {
      expect(await door.tell(body)).toMatchObject({
        status: 400,
        body: { error: 'Invalid webhook payload', message },
      });
    }
  });
});
