import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RealtimeServer } from '../../sim/realtime/server.ts';
import { DEFAULT_EXTRACTION } from '../config/extraction_fields.ts';
import type { JobHandler } from '../delivery/job_handler.ts';
import { DeliveryLoop } from '../delivery/loop.ts';
import { createRetrySchedule } from '../delivery/retry_schedule.ts';
import { draftEvent, type EndReason } from '../events/catalogue.ts';
import { completedEventId } from '../events/completion_job.ts';
import { eventComposer } from '../events/composer.ts';
import { newId } from '../ids.ts';
import { openSqliteStore } from '../store/sqlite_store.ts';
import type { Append, JobKind, Store } from '../store/store.ts';
import { CompletionHandler, type CompletionOptions } from './completion_handler.ts';
import { type Extraction, Extractor } from './extract.ts';

/* From the append of `call.ended` to `call.completed`, on the store and the loop it runs on. */

const log = pino({ level: 'silent' });

let dataDir: string;
let model: RealtimeServer;
let store: Store;
let loop: DeliveryLoop;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'callwire-completion-'));
  model = await RealtimeServer.start({ scenario: '' });
  await start();
});
afterEach(async () => {
  await stop();
  await model.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(extractor: CompletionOptions['extractor'] = reader()): Promise<void> {
  store = await openSqliteStore({ dataDir, composer: eventComposer, defaultEndpoint: null });
  await store.releaseClaims();
  const completions = new CompletionHandler({
    recordings: { soon: () => Promise.resolve(null) },
    store,
    extractor,
    fieldsOf: () => DEFAULT_EXTRACTION,
    log,
  });
  loop = new DeliveryLoop({
    store,
    handlers: [completions, doneAtOnce('crm_write'), doneAtOnce('follow_up')],
    schedule: createRetrySchedule({ steps: [] }),
    log,
  });
  loop.start();
}

const reader = () =>
  new Extractor({ baseUrl: model.url, apiKey: 'sk-made-up', model: 'gpt-6-luna' });

/** What else is done after a call, which nobody here asks about. */
const doneAtOnce = (kind: JobKind): JobHandler => ({
  kind,
  attempt: () => {
    const attempt = { at: Date.now(), durationMs: 1, status: 200, error: null, response: null };
    return Promise.resolve({ attempt, verdict: { kind: 'success' } });
  },
  result: () => null,
});

async function stop(): Promise<void> {
  await loop.stop({ deadlineMs: 0 });
  await store.close();
}

interface Talk {
  direction?: 'inbound' | 'outbound';
  /** (Default: the other party asks something) */
  says?: string | null;
  answered?: boolean;
  reason?: EndReason;
}

/** A call from its beginning to its end; returns its id. */
async function call(talk: Talk = {}, rest: Partial<Append> = {}): Promise<string> {
  const { direction = 'inbound', says = 'Is the flat free?', answered = true } = talk;
  const id = newId('call');
  const outbound = {
    variables: {},
    scheduledFor: null,
    gate: {},
    consentRecordId: 'consent_7',
    followsCallId: null,
  };
  await append({
    callId: id,
    open: {
      id,
      direction,
      from: '+15550100001',
      to: '+15550100002',
      agentId: 'receptionist',
      room: `room-${id}`,
      metadata: {},
      time: Date.now(),
      ...(direction === 'outbound' && { outbound }),
    },
    events: [
      draftEvent('call.started', {}),
      ...(answered ? [draftEvent('call.answered', { ring_ms: 900, context: 'none' })] : []),
      ...(says === null
        ? []
        : [draftEvent('transcript.final', { role: 'caller', text: says, item_id: 'item_1' })]),
    ],
  });
  const ended = draftEvent('call.ended', { end_reason: talk.reason ?? 'caller_hung_up' });
  await append({ callId: id, ...rest, events: [ended, ...(rest.events ?? [])] });
  return id;
}

async function append(entry: Append): Promise<void> {
  expect(await store.append([entry])).toEqual([{ status: 'appended' }]);
}

const eventsOf = async (id: string) =>
  (await store.listCallEvents(id)).map(({ id: eventId, type, sequence, body }) => ({
    eventId,
    type,
    sequence,
    data: JSON.parse(body).data as Record<string, unknown>,
  }));

/** The one `call.completed`, once it is there. */
async function completed(id: string) {
  const find = async () => {
    const found = (await eventsOf(id)).filter(({ type }) => type === 'call.completed');
    expect(found).toHaveLength(1);
    return found[0]!;
  };
  return await vi.waitFor(find, { timeout: 15_000, interval: 20 });
}

const nothingLeft = () =>
  vi.waitFor(async () => expect(await store.nextDueAt()).toBeNull(), { timeout: 15_000 });

it('every call is completed behind its end, with what was read and what came of it', async () => {
  model.setScenario(
    'extraction: { summary: Asks for the flat., interested: true, outcome: INTERESTED }',
  );
  const id = await call();
  expect(await completed(id)).toMatchObject({
    sequence: 4,
    data: {
      outcome: 'INTERESTED',
      extraction: { summary: 'Asks for the flat.', interested: true, contactEmail: null },
      transcript: 'Caller: Is the flat free?',
      recording_url: null,
      recording_expires_at: null,
      contact: { phone: '+15550100001' },
      consent_record_id: null,
    },
  });
  expect(await store.getCall(id)).toMatchObject({ outcome: 'INTERESTED', state: 'ended' });
});

it('a call that a sweep has ended is completed as well, and a missed one at once', async () => {
  const lost = await call({ reason: 'worker_lost' });
  const missed = await call({ answered: false, says: null });
  expect((await completed(lost)).data).toMatchObject({ outcome: 'FAILED' });
  expect((await completed(missed)).data).toMatchObject({ outcome: 'NO_ANSWER', extraction: null });
  expect(model.chat.requests).toHaveLength(1);
});

it('what a spool still held is completed when it is taken in', async () => {
  const id = await call({}, { recovered: true });
  expect((await completed(id)).data).toMatchObject({ outcome: 'UNKNOWN' });
});

it('an outcome takes the number off the list, together with the event', async () => {
  model.setScenario('extraction: { outcome: DNC }');
  const id = await call({ direction: 'outbound', says: 'Never call me again.' });
  expect((await completed(id)).data).toMatchObject({
    outcome: 'DNC',
    consent_record_id: 'consent_7',
  });
  expect(await store.getSuppression('+15550100002')).toMatchObject({
    source: 'outcome',
    reason: 'DNC',
    callId: id,
  });
});

/*
 * t=0 the call ends, its job is claimed and the model asked; the worker stops while the model is
 * silent. The next one finds the job and asks again. Proves that nothing between end and completion
 * loses or doubles the event.
 */
it('a worker that ends in between leaves the completion to the next one, exactly once', async () => {
  model.setScenario('extraction: [{ $hang: true }, { outcome: CALLBACK }]');
  const id = await call();
  await vi.waitFor(() => expect(model.chat.requests).toHaveLength(1));
  await stop();
  await start();
  expect((await completed(id)).data).toMatchObject({ outcome: 'CALLBACK' });
  await nothingLeft();
  await completed(id);
});

it('a model that is down delays it', async () => {
  model.setScenario('extraction: [{ $status: 503 }, { $drop: true }, { outcome: RESOLVED }]');
  const id = await call();
  await vi.waitFor(() => expect(model.chat.requests.length).toBeGreaterThan(0));
  expect((await eventsOf(id)).map(({ type }) => type)).not.toContain('call.completed');
  expect((await completed(id)).data).toMatchObject({ outcome: 'RESOLVED' });
  expect(model.chat.requests).toHaveLength(3);
}, 30_000);

it('whoever has completed the call itself is not contradicted', async () => {
  const early = await call({}, { events: [draftEvent('call.completed', COMPLETED)] });
  await nothingLeft();
  expect((await completed(early)).data).toMatchObject({ outcome: 'RESOLVED' });
  expect(model.chat.requests).toEqual([]);
});

/** Both write the event of the call's own id, so the second one changes nothing. */
it('whoever completes it at the same time is not contradicted, either', async () => {
  await stop();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Extraction>();
  await start({
    extract: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  const id = await call();
  await asked.promise;
  const record = await store.getCall(id);
  const own = draftEvent('call.completed', COMPLETED, { id: completedEventId(record!) });
  await append({ callId: id, events: [own] });
  answer.resolve({ kind: 'extracted', outcome: 'CALLBACK', extraction: {} });
  await nothingLeft();
  expect((await completed(id)).data).toMatchObject({ outcome: 'RESOLVED' });
});

it('a call whose content was deleted meanwhile is asked nobody about any more', async () => {
  model.setScenario('extraction: { $hang: true }');
  const id = await call();
  await vi.waitFor(() => expect(model.chat.requests).toHaveLength(1));
  expect(await store.redactCall(id)).toBe(true);
  await stop();
  await start();
  await nothingLeft();
  expect((await eventsOf(id)).map(({ type }) => type)).not.toContain('call.completed');
  expect(model.chat.requests).toHaveLength(1);
});

const COMPLETED = {
  outcome: 'RESOLVED',
  extraction: null,
  recording_url: null,
  recording_expires_at: null,
} as const;
