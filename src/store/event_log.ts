import type { Kysely, Selectable } from 'kysely';
import type { EventId } from '../ids.ts';
import type { CallHistory } from './event_composer.ts';
import { prepared } from './prepared.ts';
import type { EventTable, FactTable, Tables } from './schema.ts';
import type { FactDraft, StoredEvent } from './store.ts';

/** In the order of their appends, which is that of `sequence`; transcripts stand between. */
export async function listCallEvents(db: Kysely<Tables>, callId: string): Promise<StoredEvent[]> {
  const { rows } = await eventsOfCall(db, { callId });
  return rows.map(eventFromRow);
}

const eventsOfCall = prepared((db, { callId }: { callId: string }) =>
  db.selectFrom('events').selectAll().where('call_id', '=', callId).orderBy('position'),
);

/**
 * SQLite commits one transaction after the other, so positions become visible in order. (Postgres
 * hands positions out before the commit: there a page has to end before the oldest open append.)
 */
export async function eventsAfter(
  db: Kysely<Tables>,
  position: number,
  limit: number,
): Promise<StoredEvent[]> {
  const rows = await db
    .selectFrom('events')
    .selectAll()
    .where('position', '>', position)
    .orderBy('position')
    .limit(limit)
    .execute();
  return rows.map(eventFromRow);
}

export async function lastPosition(db: Kysely<Tables>): Promise<number> {
  const row = await db
    .selectFrom('events')
    .select('position')
    .orderBy('position', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.position ?? 0;
}

export async function listFacts(db: Kysely<Tables>, callId: string): Promise<FactDraft[]> {
  const { rows } = await factsOfCall(db, { callId });
  return rows.map(factFromRow);
}

const factsOfCall = prepared((db, { callId }: { callId: string }) =>
  db.selectFrom('facts').selectAll().where('call_id', '=', callId).orderBy('position'),
);

export async function callHistory(db: Kysely<Tables>, callId: string): Promise<CallHistory> {
  return { events: await listCallEvents(db, callId), facts: await listFacts(db, callId) };
}

function eventFromRow(row: Selectable<EventTable>): StoredEvent {
  return {
    position: row.position,
    id: row.id as EventId,
    callId: row.call_id,
    sequence: row.sequence,
    type: row.type,
    time: row.time,
    body: row.body,
  };
}

function factFromRow(row: Selectable<FactTable>): FactDraft {
  return {
    id: row.id,
    kind: row.kind,
    time: row.time,
    data: JSON.parse(row.data) as Record<string, unknown>,
  };
}
