import { expect } from 'vitest';
import type { Installation, LedgerEvent } from '../sim/installation/installation.ts';
import { waitFor } from '../sim/installation/wait_for.ts';

/** The events of one call that has ended, checked. */
export interface WholeRecord {
  callId: string;
  /** In the order in which the ledger took them. */
  events: readonly LedgerEvent[];
  ended: LedgerEvent['data'];
  completed: LedgerEvent['data'];
  /** The one event of this type; fails where there are several. */
  one(type: string): LedgerEvent['data'] | undefined;
  all(type: string): LedgerEvent['data'][];
}

const checked = new WeakMap<Installation, Set<string>>();

/**
 * Whatever calls there were so far are nobody's business any more: those of a test that failed. They
 * end first where they can, for else their last events reach the endpoints of the next test.
 */
export async function forgetEarlierCalls(installation: Installation): Promise<void> {
  const known = checked.get(installation) ?? new Set();
  const ended = async () =>
    [...groupByCall(await installation.events())].every(
      ([callId, events]) => known.has(callId) || isComplete(events),
    );
  await waitFor(ended, { what: 'the end of earlier calls' }).catch(() => undefined);
  checked.set(installation, new Set(groupByCall(await installation.events()).keys()));
}

/** Waits for an event of a call that has not been checked yet: of the call of this test. */
export function recorded(installation: Installation, type: string): Promise<LedgerEvent> {
  const find = async () =>
    (await installation.events()).find(
      ({ event, call_id }) =>
        event === type && call_id !== null && !checked.get(installation)?.has(call_id),
    );
  return waitFor(find, { what: `${type} in the ledger`, deadlineMs: 60_000 });
}

/** The process that runs the call of this test. */
export async function callProcess(installation: Installation): Promise<number> {
  const { call_id } = await recorded(installation, 'call.started');
  return installation.worker.callProcess(call_id ?? undefined);
}

/**
 * Waits for the end of the calls since the last time and checks what must hold for every call,
 * however it went: one `call.ended` and behind it one `call.completed`, sequences without a gap, every
 * event at the backend with valid signatures and as the ledger has it, no room and no call process
 * left.
 */
export async function wholeRecords(
  installation: Installation,
  { calls }: { calls: number },
): Promise<WholeRecord[]> {
  const known = checked.get(installation) ?? new Set<string>();
  checked.set(installation, known);
  const byCall = await waitFor(
    async () => {
      const found = groupByCall(await installation.events());
      for (const callId of known) found.delete(callId);
      return found.size >= calls && [...found.values()].every(isComplete) && found;
    },
    { what: `${calls} whole records`, deadlineMs: 60_000 },
  );
  expect(byCall.size).toBe(calls);
  const records: WholeRecord[] = [];
  for (const [callId, events] of byCall) {
    known.add(callId);
    checkNumbers(events);
    await checkDelivered(installation, events);
    const all = (type: string) => events.filter(({ event }) => event === type);
    checkEnd(events);
    records.push({
      callId,
      events,
      ended: all('call.ended')[0]?.data ?? {},
      completed: all('call.completed')[0]?.data ?? {},
      all: (type) => all(type).map(({ data }) => data),
      one: (type) => {
        expect(all(type).length).toBeLessThanOrEqual(1);
        return all(type)[0]?.data;
      },
    });
  }
  expect(installation.backend.refused).toEqual([]);
  await nothingLeft(installation);
  return records;
}

/** The same for a single call. */
export async function wholeRecord(installation: Installation): Promise<WholeRecord> {
  const [record] = await wholeRecords(installation, { calls: 1 });
  if (!record) throw new Error('no record');
  return record;
}

function groupByCall(events: readonly LedgerEvent[]): Map<string, LedgerEvent[]> {
  const calls = new Map<string, LedgerEvent[]>();
  for (const event of events) {
    if (event.call_id === null) continue;
    const found = calls.get(event.call_id) ?? [];
    found.push(event);
    calls.set(event.call_id, found);
  }
  return calls;
}

/** Completed, and an answered call's activity has reached the CRM, which is said behind the end. */
function isComplete(events: readonly LedgerEvent[]): boolean {
  const types = events.map(({ event }) => event);
  if (!types.includes('call.completed')) return false;
  if (!types.includes('call.answered')) return true;
  return events.some(
    ({ event, data }) => event.startsWith('crm.update') && data.operation === 'activity',
  );
}

function checkEnd(events: readonly LedgerEvent[]): void {
  const ends = events
    .map(({ event }) => event)
    .filter((type) => type === 'call.ended' || type === 'call.completed');
  expect(ends).toEqual(['call.ended', 'call.completed']);
}

function checkNumbers(events: readonly LedgerEvent[]): void {
  const sequences = events.flatMap(({ sequence }) => (sequence === null ? [] : [sequence]));
  expect(sequences).toEqual(sequences.map((_, index) => index + 1));
  const utterances = events.flatMap(({ data }) => data.transcript_sequence ?? []);
  expect(utterances).toEqual(utterances.map((_, index) => index + 1));
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
}

async function checkDelivered(
  { backend }: Installation,
  events: readonly LedgerEvent[],
): Promise<void> {
  // Transcripts are only for those who name them.
  for (const event of events.filter((one) => !one.event.startsWith('transcript.'))) {
    const arrived = await backend.waitForEvent(
      ({ id }) => id === event.id,
      AbortSignal.timeout(20_000),
    );
    expect(arrived.body).toEqual(event);
    expect(arrived.verified).toEqual({ standard: true, timestamped: true, plain: true });
  }
}

async function nothingLeft(installation: Installation): Promise<void> {
  await waitFor(async () => (await installation.rooms()).length === 0, { what: 'no room left' });
  await waitFor(() => installation.worker.children().length === 1, {
    what: 'no process left but the warm one',
  });
}
