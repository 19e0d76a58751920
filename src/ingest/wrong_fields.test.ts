import { describe, expect, it } from 'vitest';
import { LONGEST_MS, reportedCall, reportSchema } from '../events/reported_call.ts';
import { followReports } from '../events/reported_events.ts';
import type { CallRecord } from '../store/store.ts';
import type { JsonObject } from './loose.ts';
import { recognise } from './platforms.ts';
import { bland, elevenlabs, retell, SIMPLIFIED_STORY, simplified, vapi } from './testing/bodies.ts';
import { openDoor } from './testing/door.ts';

/** What may stand in a field of a body by a mistake of whoever sends it; `undefined`: it is missing. */
const WRONG: readonly unknown[] = [
  ...[undefined, null, '', ' ', 'abc', 'NaN', '-5', '1e400', '2026-13-45', '9999-01-01T00:00:00Z'],
  // 2099, and 1999.
  ...['2099-01-01T00:00:00Z', 4_070_908_800, 4_070_908_800_000, 915_148_800, 915_148_800_000],
  ...[-5, -0.5, 0, 0.1, 1e15, 1e300, -1e300, true, [], [1], {}, { a: 1 }, '\0', '\ud800'],
];

type Path = readonly (string | number)[];

/** Of every field, and of what holds fields. */
function pathsIn(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  const inner = Object.entries(value).flatMap(([key, one]) => pathsIn(one, [...at, key]));
  return at.length === 0 ? inner : [at, ...inner];
}

function changed<T>(value: T, [key, ...rest]: Path, wrong: unknown): T {
  if (key === undefined) return wrong as T;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  const inner = (copy as JsonObject)[key];
  (copy as JsonObject)[key] = changed(inner, rest, wrong);
  return copy as T;
}

/** What stands wrong in the record of a call of which a body tells; nothing where all is well. */
function faultsOf(body: JsonObject): string[] {
  const reading = recognise(JSON.parse(JSON.stringify(body))).read(ARRIVED_AT);
  if (reading.kind !== 'report') return [];
  const data = JSON.parse(JSON.stringify(reading.report));
  const { error } = reportSchema.safeParse(data);
  if (error) return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  const facts = [{ id: 'fct_1' as const, kind: 'report' as const, time: ARRIVED_AT, data }];
  const told = reportedCall(facts);
  const { call, events } = followReports({ call: { ...NEW, state: 'ended' }, facts });
  const { createdAt, answeredAt, endedAt, costMicrousd } = call;
  const times = [createdAt, answeredAt, endedAt, ...events.map(({ time }) => time)];
  return [
    ...times
      .filter((one) => one !== null && !(one >= Y2000 && one < LATEST))
      .map((t) => `time ${t}`),
    ...(answeredAt !== null && (endedAt ?? 0) - answeredAt > LONGEST_MS ? ['length'] : []),
    ...((told?.recording?.seconds ?? 0) * 1_000 > LONGEST_MS ? ['length of the recording'] : []),
    ...(Number.isSafeInteger(costMicrousd ?? 0) && (costMicrousd ?? 0) >= 0 ? [] : ['cost']),
  ];
}

const Y2000 = Date.UTC(2000, 0, 1) - LONGEST_MS;
const ARRIVED_AT = Date.UTC(2026, 10, 2, 9, 5, 0);
/** A day ahead, and as long as a call can be. */
const LATEST = ARRIVED_AT + 86_400_000 + LONGEST_MS;
const NEW = { id: 'call_1', contact: { id: null, name: null, phone: null } } as CallRecord;

// A cost of 1e15 could not be stored: the ledger tried it again for ever, and with it what came beside. A
// length of 1e15 s made a call whose beginning no calendar has, and the list of calls answered 500. One of
// -5 s made a call that had been talked on one that nobody had taken.
describe('whatever stands in a field', () => {
  const bodies: [string, JsonObject][] = [
    ['Retell', retell.started()],
    ['Retell', retell.ended()],
    ['Retell', retell.analyzed()],
    ['Vapi', vapi.ended()],
    ['Vapi', vapi.report()],
    ['Bland', bland.postCall()],
    ['ElevenLabs', elevenlabs.transcription()],
    ['ElevenLabs', elevenlabs.failure()],
    ...SIMPLIFIED_STORY.map((body): [string, JsonObject] => ['the simplified shape', body]),
  ];

  it.each(bodies)('of %s, the call has a record that is in order', (_, body) => {
    const faults = pathsIn(body).flatMap((path) =>
      WRONG.flatMap((wrong) =>
        faultsOf(changed(body, path, wrong)).map(
          (fault) => `${path.join('.')} = ${JSON.stringify(wrong)}: ${fault}`,
        ),
      ),
    );
    expect(faults).toEqual([]);
  });
});

describe('in the simplified shape', () => {
  const completed = { callId: 'sim_1', timestamp: '2026-11-02T09:01:36Z', duration: 96 };

  async function callAfter(event: string | undefined, more: JsonObject, clock = Date.now) {
    const door = await openDoor({ clock });
    const { status, body } = await door.tell(
      simplified(event as string, { ...completed, ...more }),
    );
    const { id, ignored } = body as { id: string; ignored?: string[] };
    return { status, ignored, call: await door.store.getCall(id) };
  }

  it.each([-5, 'a while', 'NaN', 1e15])(
    'a duration of %j is not believed, and whoever sent it is told',
    async (duration) => {
      const { status, ignored, call } = await callAfter('call.completed', { duration, cost: 1e15 });
      expect({ status, ignored }).toEqual({ status: 200, ignored: ['duration', 'cost'] });
      expect(call).toMatchObject({ state: 'ended', endReason: 'unknown', costMicrousd: null });
      // It was completed: somebody took it, however long it was.
      expect(call?.answeredAt).not.toBeNull();
    },
  );

  it.each([undefined, 'call.complet'])(
    'an event of %j is kept, and whoever sent it is told that it says nothing to us',
    async (event) => {
      const { status, ignored, call } = await callAfter(event, { event, status: undefined });
      expect({ status, ignored }).toEqual({ status: 200, ignored: ['event'] });
      expect(call).toMatchObject({ providerCallId: 'sim_1', endedAt: null });
    },
  );

  const HOUR = 3_600_000;

  it.each([
    [-24 * HOUR, true],
    [24 * HOUR, true],
    [24 * HOUR + 1_000, false],
    [Date.UTC(2099, 0, 1) - ARRIVED_AT, false],
    [Date.UTC(1999, 11, 31) - ARRIVED_AT, false],
  ])(
    'of a time that is %d ms from when it came: that it is believed is %j',
    async (ms, isBelieved) => {
      const time = ARRIVED_AT + ms;
      for (const told of [new Date(time).toISOString(), time / 1_000, time]) {
        const { ignored, call } = await callAfter(
          'call.completed',
          { timestamp: told, ended_at: told },
          () => ARRIVED_AT,
        );
        expect(ignored).toEqual(isBelieved ? undefined : ['ended_at', 'timestamp']);
        expect(call?.endedAt).toBe(isBelieved ? time : ARRIVED_AT);
      }
    },
  );

  it.each<[JsonObject, string[]]>([
    [{ direction: 'sideways' }, ['direction']],
    [
      { from: [], to: true, from_number: {}, to_number: {} },
      ['from', 'to', 'from_number', 'to_number'],
    ],
    [{ transcript: 42 }, ['transcript']],
    [{ transcript: [{ words: 'Hello.' }, 7] }, ['transcript']],
    [{ outcome: 'SOLD_OUT', summary: [], analysis: 'good' }, ['summary', 'analysis', 'outcome']],
    [{ status: {}, metadata: 'c21', agentId: [] }, ['status', 'agentId', 'metadata']],
    [{ call: 'sim_1', contact: 'c21' }, ['call', 'contact']],
    [
      { call: { direction: 1, outcome: 'OUT' }, contact: { name: ['Ida'] } },
      ['call.direction', 'call.outcome', 'contact.name'],
    ],
    [{ provider: 7, event: {}, type: 'call_ended' }, ['provider', 'event']],
    [
      { metadata: { contactId: {}, agentId: [], own: {} } },
      ['metadata.contactId', 'metadata.agentId'],
    ],
  ])('%j is not believed, and whoever sent it is told', async (more, names) => {
    const { status, ignored, call } = await callAfter('call.completed', more);
    expect({ status, ignored: ignored?.toSorted() }).toEqual({
      status: 200,
      ignored: names.toSorted(),
    });
    expect(call).toMatchObject({ state: 'ended', direction: 'outbound' });
  });

  it('a direction that is told inside of call counts where the other one is wrong', async () => {
    const more = { direction: 'sideways', call: { direction: 'Inbound' } };
    const { call } = await callAfter('call.completed', more);
    expect(call?.direction).toBe('inbound');
  });

  it('nothing is said of what is in order, or empty', async () => {
    const more = { from: 'anonymous', summary: '', recording_url: null, call: { status: 'ended' } };
    const fine = { ...more, direction: 'OUTBOUND', transcript: [], outcome: 'booked', contact: {} };
    expect(await callAfter('call.completed', fine)).toMatchObject({ ignored: undefined });
    const inside = { call: { recording_url: 'yes' } };
    expect((await callAfter('call.completed', inside)).ignored).toEqual(['call.recording_url']);
  });
});
