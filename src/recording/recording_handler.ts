import { open, stat, unlink } from 'node:fs/promises';
import type { Logger } from 'pino';
import { beginAttempt } from '../delivery/attempt_record.ts';
import type { AttemptOutcome, JobHandler } from '../delivery/job_handler.ts';
import { createRetrySchedule } from '../delivery/retry_schedule.ts';
import { DAY_MS } from '../durations.ts';
import { draftEvent } from '../events/catalogue.ts';
import { type RecordingBody, recordingBody } from '../events/recording_job.ts';
import type { RecordingRecord } from '../store/recording_store.ts';
import type { Append, ClaimedJob } from '../store/store.ts';
import { EGRESS_CONTENT_TYPE, egressName, type egressResult } from './egress.ts';
import type { RecordingLink, RecordingLinks } from './recording_links.ts';
import type { RecordingStorage } from './recording_storage.ts';
import { recordingName, unfinishedPath } from './unfinished.ts';
import { CONTENT_TYPE, soundMs, WAV_HEADER_BYTES, wavHeader } from './wav.ts';

/*
 * From `call.ended` to `call.recording_ready`
 * ===========================================
 *
 *   job made in the append of call.ended, where the call was recorded
 *     │
 *     └─ attempt ─┬─ call redacted, its time over, or nothing in it ─▶ removed, DONE, silent
 *          ▲      ├─ header corrected by the length, file moved ─────▶ DONE, with the row and the event
 *          │      ├─ made by egress, which is through ───────────────▶ DONE, with the row and the event
 *          │      ├─ still on its way: a long upload, or egress ─────▶ looked at again, counts nothing
 *          │      ├─ no file here: another machine has it ───────────▶ the same, for a day
 *          │      └─ the storage failed ─┐
 *          └── 2 s … 10 min, 30 min ⟲ ──┘ for good: a file without its job would outlive a redaction
 *
 * A call process that was killed has left its file without an end: it is stored like any other, only
 * shorter. DONE, row and event are one transaction. Whoever dies between the move and that finds the
 * file gone and its place taken, and goes on from there.
 */

const MINUTE_MS = 60_000;
const STEPS_MS = [2_000, 10_000, 30_000, 2 * MINUTE_MS, 10 * MINUTE_MS];
/** Behind the last step, again and again. */
const PATIENCE_MS = 30 * MINUTE_MS;

/** The loop ends an attempt after 29 s; a storing that takes longer goes on behind it. */
const ATTEMPT_LIMIT_MS = 15_000;
/** A gigabyte at 3 Mbit/s. */
const STORING_LIMIT_MS = 3_600_000;
const EGRESS_PAUSE_MS = 2_000;
/** So long egress may still write what is not wanted any more. */
const EGRESS_LIMIT_MS = 10 * MINUTE_MS;
const ELSEWHERE_PAUSE_MS = 30_000;
const ELSEWHERE_LIMIT_MS = DAY_MS;

export interface RecordingHandlerOptions {
  dataDir: string;
  storage: RecordingStorage;
  links: Pick<RecordingLinks, 'to'>;
  /** What LiveKit says of an egress; `null` where none is used. */
  egress: ((egressId: string) => ReturnType<typeof egressResult>) | null;
  log: Logger;
  /** Milliseconds. (Default: `Date.now`) */
  clock?: () => number;
  /** (Default: 15 s) */
  attemptLimitMs?: number;
}

type Stored = Pick<RecordingRecord, 'location' | 'bytes' | 'durationMs' | 'contentType'>;
type Finding = Stored | 'nothing' | 'elsewhere' | 'egress under way' | 'egress failed';

/** Puts the recordings of ended calls where they are kept, and says so. */
export class RecordingHandler implements JobHandler {
  readonly kind = 'recording';
  readonly schedule = createRetrySchedule({ steps: STEPS_MS });
  /** Uploads share one line, and the worker has calls to answer. */
  readonly lanes = 2;
  readonly #options: RecordingHandlerOptions;
  readonly #clock: () => number;
  readonly #closing = new AbortController();
  readonly #storing = new Map<string, Promise<Finding>>();

  constructor(options: RecordingHandlerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
  }

  async attempt(job: ClaimedJob, signal: AbortSignal): Promise<AttemptOutcome> {
    const at = this.#clock();
    const record = beginAttempt(at);
    const body = recordingBody.safeParse(job.body).data;
    if (job.callId === null)
      return { attempt: record({ error: 'no_call' }), verdict: { kind: 'final' } };
    try {
      const found = await this.#within(this.#find(job, body), signal);
      if (found === 'egress failed') {
        return { attempt: record({ error: 'egress' }), verdict: { kind: 'final' } };
      }
      if (found === 'egress under way') {
        const verdict = { kind: 'hold', untilMs: at + EGRESS_PAUSE_MS } as const;
        return { attempt: record(), verdict };
      }
      if (found === 'under way') {
        return { attempt: record(), verdict: { kind: 'hold', untilMs: at } };
      }
      if (found === 'elsewhere') {
        if (at < (body?.endedAt ?? 0) + ELSEWHERE_LIMIT_MS) {
          const verdict = { kind: 'hold', untilMs: at + ELSEWHERE_PAUSE_MS } as const;
          return { attempt: record({ error: 'no_file' }), verdict };
        }
        this.#options.log.error({ call: job.callId }, 'a recording is lost: nobody has its file');
        return { attempt: record({ error: 'no_file' }), verdict: { kind: 'final' } };
      }
      if (found === 'nothing') return { attempt: record(), verdict: { kind: 'success' } };
      const link = await this.#options.links.to({ callId: job.callId, location: found.location });
      const detail = { stored: found, link };
      return { attempt: record(), verdict: { kind: 'success', detail } };
    } catch (error) {
      if (signal.aborted || this.#closing.signal.aborted) {
        return { attempt: record({ error: 'aborted' }), verdict: { kind: 'hold', untilMs: at } };
      }
      this.#options.log.error(
        { err: error, call: job.callId, attempt: job.attempt },
        'a recording could not be stored, it stays in DATA_DIR and is tried again',
      );
      const verdict =
        job.attempt > STEPS_MS.length
          ? ({ kind: 'hold', untilMs: at + PATIENCE_MS } as const)
          : ({ kind: 'retry' } as const);
      return { attempt: record({ error: 'storage' }), verdict };
    }
  }

  result(job: ClaimedJob, { verdict }: AttemptOutcome, end: 'done' | 'exhausted'): Append | null {
    const { callId } = job;
    const body = recordingBody.safeParse(job.body).data;
    const detail = verdict.kind === 'success' ? verdict.detail : undefined;
    if (callId === null || end !== 'done' || !body || !detail) return null;
    const { stored, link } = detail as { stored: Stored; link: RecordingLink };
    const time = this.#clock();
    const ready = {
      recording_url: link.url,
      recording_expires_at: new Date(link.expiresAt).toISOString(),
      duration_seconds: Math.round(stored.durationMs) / 1_000,
    };
    this.#options.log.info(
      { call: callId, bytes: stored.bytes, seconds: ready.duration_seconds },
      'recording stored',
    );
    return {
      callId,
      events: [draftEvent('call.recording_ready', ready, { id: body.eventId, time })],
      recording: {
        callId,
        state: 'stored',
        ...stored,
        startedAt: body.startedAt,
        deleteAfter: deleteAfter(body),
        createdAt: time,
      },
    };
  }

  /** Ends what is under way; the jobs find the files at the next start. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#storing.values());
  }

  /** One at a time for each call, however many attempts ask. */
  #find({ callId, createdAt }: ClaimedJob, body: RecordingBody | undefined): Promise<Finding> {
    const id = callId ?? '';
    const known = this.#storing.get(id);
    if (known) return known;
    const finding = this.#storeOrRemove(id, createdAt, body);
    const storing = finding.finally(() => this.#storing.delete(id));
    this.#storing.set(id, storing);
    return storing;
  }

  #storeOrRemove(
    callId: string,
    endedAt: number,
    body: RecordingBody | undefined,
  ): Promise<Finding> {
    const limit = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(STORING_LIMIT_MS)]);
    const isOver = (due: number | null) => due !== null && due <= this.#clock();
    if (!body || isOver(deleteAfter(body))) return this.#remove(callId, endedAt, limit);
    return body.egressId === null
      ? this.#store(callId, limit)
      : this.#egressed(callId, body.egressId);
  }

  async #store(callId: string, signal: AbortSignal): Promise<Finding> {
    const { dataDir, storage } = this.#options;
    const path = unfinishedPath(dataDir, callId);
    const name = recordingName(callId);
    const location = storage.locationOf(name);
    const size = await sizeOf(path);
    if (size !== null && soundMs(size) === 0) {
      await unlink(path);
      return 'nothing';
    }
    if (size !== null) {
      await correctHeader(path, size);
      await storage.keep(name, path, signal);
    }
    const bytes = size ?? (await storage.sizeOf(location, signal));
    if (bytes === null) return 'elsewhere';
    return { location, bytes, durationMs: soundMs(bytes), contentType: CONTENT_TYPE };
  }

  async #egressed(callId: string, egressId: string): Promise<Finding> {
    const { egress, storage, log } = this.#options;
    const result = (await egress?.(egressId)) ?? { kind: 'failed', error: 'no egress any more' };
    if (result.kind === 'under_way') return 'egress under way';
    if (result.kind === 'failed') {
      log.error({ call: callId, error: result.error }, 'egress has not recorded the call');
      return 'egress failed';
    }
    const { bytes, durationMs } = result;
    const location = storage.locationOf(egressName(callId));
    return { location, bytes, durationMs, contentType: EGRESS_CONTENT_TYPE };
  }

  /** Wherever it has got to by now. */
  async #remove(callId: string, endedAt: number, signal: AbortSignal): Promise<Finding> {
    const { dataDir, storage, egress } = this.#options;
    const path = unfinishedPath(dataDir, callId);
    if ((await sizeOf(path)) !== null) await unlink(path);
    await storage.remove(storage.locationOf(recordingName(callId)), signal);
    if (egress === null) return 'nothing';
    await storage.remove(storage.locationOf(egressName(callId)), signal);
    return this.#clock() < endedAt + EGRESS_LIMIT_MS ? 'egress under way' : 'nothing';
  }

  async #within(work: Promise<Finding>, signal: AbortSignal): Promise<Finding | 'under way'> {
    // It may fail when nobody looks; the next attempt is told.
    work.catch(() => undefined);
    const pause = Promise.withResolvers<'under way'>();
    const timer = setTimeout(
      () => pause.resolve('under way'),
      this.#options.attemptLimitMs ?? ATTEMPT_LIMIT_MS,
    );
    const leave = () => pause.reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    try {
      signal.throwIfAborted();
      return await Promise.race([work, pause.promise]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    }
  }
}

function deleteAfter({ endedAt, retainDays }: RecordingBody): number | null {
  return retainDays === null ? null : endedAt + retainDays * DAY_MS;
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function correctHeader(path: string, size: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.write(wavHeader(size), 0, WAV_HEADER_BYTES, 0);
  } finally {
    await handle.close();
  }
}
