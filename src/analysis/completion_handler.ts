import type { Logger } from 'pino';
import { z } from 'zod';
import type { ExtractionField } from '../config/extraction_fields.ts';
import { beginAttempt } from '../delivery/attempt_record.ts';
import type { AttemptOutcome, JobHandler } from '../delivery/job_handler.ts';
import { createRetrySchedule } from '../delivery/retry_schedule.ts';
import { draftEvent, OUTCOMES } from '../events/catalogue.ts';
import { completionBody } from '../events/completion_job.ts';
import { spokenIn } from '../events/derived_data.ts';
import { type ReportedCall, reportedCall } from '../events/reported_call.ts';
import type {
  Append,
  AttemptRecord,
  CallRecord,
  ClaimedJob,
  Store,
  StoredEvent,
} from '../store/store.ts';
import type { Extraction, Extractor } from './extract.ts';
import { modelOutcome, outcomeOf } from './outcome.ts';
import { suppressionsBy } from './suppression.ts';

/*
 * From `call.ended` to `call.completed`
 * =====================================
 *
 *   job made in the append of call.ended
 *     │
 *     ├─ never answered, or the other party said nothing, or no key ─▶ DONE, extraction null, at once
 *     │
 *     └─ attempt ─┬─ extracted ─────────────────────────────────────▶ DONE, with it
 *          ▲      ├─ none: the model's answer is of no use ─────────▶ DONE, extraction null
 *          │      └─ retry: 429, 5xx, no connection ─┬─ too late ───▶ DONE, extraction null
 *          └────────── 2 s, 5 s, 10 s … 1 min ───────┘
 *
 * DONE and `call.completed` are one transaction, and the event's id follows from the call, so it is
 * written exactly once, whatever crashes and however often the job is tried. The schedule has more
 * steps than 15 min have room for: only a handler that throws every time comes to its end, and then
 * the event says UNKNOWN.
 *
 * Too late is 15 min after the job was made. A worker that was down for longer tries once.
 */

export interface CompletionOptions {
  store: Pick<Store, 'getCall' | 'listCallEvents' | 'listFacts'>;
  /** The recording, waited for a moment where it is just being stored; `null` without one. */
  recordings: RecordingUrls;
  /** `null` without a key for the model. */
  extractor: Pick<Extractor, 'extract'> | null;
  /** The fields of an agent, as its profile has them now. */
  fieldsOf: (agentId: string) => readonly ExtractionField[];
  log: Logger;
  /** Milliseconds (Default: `Date.now`) */
  clock?: () => number;
  /** From the job's making to the last moment of an attempt, milliseconds. (Default: 15 min) */
  deadlineMs?: number;
}

/** Declared here by its user: what `src/recording` knows. */
export interface RecordingUrls {
  soon(callId: string, signal: AbortSignal): Promise<{ url: string; expiresAt: number } | null>;
}

const DEADLINE_MS = 15 * 60_000;
/** The loop ends an attempt after 44 s: two requests and what is left of a slow one. */
const ATTEMPT_LIMIT_MS = 40_000;
/** What an attempt gets even where less is left of the deadline, and what a further one must have. */
const LAST_ATTEMPT_MS = 15_000;

const MINUTE_STEPS = 40;
const STEPS_MS = [2_000, 5_000, 10_000, 20_000, 30_000, ...Array(MINUTE_STEPS).fill(60_000)];

/** What came of a call, found out after it: writes every `call.completed`. */
export class CompletionHandler implements JobHandler {
  readonly kind = 'completion';
  readonly schedule = createRetrySchedule({ steps: STEPS_MS });
  /** Models limit their requests, and those of running calls come first. */
  readonly lanes = 16;
  readonly #options: CompletionOptions;
  readonly #clock: () => number;
  readonly #deadlineMs: number;

  constructor(options: CompletionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  }

  async attempt(job: ClaimedJob, signal: AbortSignal): Promise<AttemptOutcome> {
    const at = this.#clock();
    const record = beginAttempt(at);
    const read = await this.#read(job.callId ?? '');
    if (read === 'failed') {
      return { attempt: record({ error: 'store' }), verdict: { kind: 'retry' } };
    }
    const { call, ...heard } = read;
    if (call === null || heard.events.some(({ type }) => type === 'call.completed')) {
      return { attempt: record(), verdict: { kind: 'success' } };
    }
    // What the platform that ran the call has made of it is not made again.
    const { told } = heard;
    const extraction = told?.extraction ? null : await this.#extract(job, call, heard, signal);
    const attempt = record(extraction === null ? {} : answerOf(extraction));
    if (extraction?.kind === 'retry') {
      // Ended by the shutdown, not by the model: the next worker asks again.
      if (signal.aborted) return { attempt, verdict: { kind: 'hold', untilMs: at } };
      const leftMs = this.#deadlineOf(job) - LAST_ATTEMPT_MS - this.#clock();
      if (leftMs > 0) {
        const { retryAfterMs: notBeforeMs } = extraction;
        const hint = { notAfterMs: leftMs, ...(notBeforeMs !== undefined && { notBeforeMs }) };
        return { attempt, verdict: { kind: 'retry', ...hint } };
      }
    }
    const recording = told?.recording
      ? { recording_url: told.recording.url, recording_expires_at: null }
      : await this.#recordingOf(call, signal);
    const detail = completionOf(call, extraction, recording, told);
    this.#tell(call, detail, attempt, job.attempt);
    return { attempt, verdict: { kind: 'success', detail: { ...detail } } };
  }

  async #read(callId: string): Promise<({ call: CallRecord | null } & Heard) | 'failed'> {
    const { store, log } = this.#options;
    try {
      const call = await store.getCall(callId);
      const events = await store.listCallEvents(callId);
      const reported = call !== null && call.providerCallId !== null;
      const told = reported ? reportedCall(await store.listFacts(callId)) : null;
      return { call, events, told };
    } catch (error) {
      log.error({ err: error, call: callId }, 'a call that has ended could not be read');
      return 'failed';
    }
  }

  /** `null` where there is nothing to ask, or nobody. */
  async #extract(
    job: ClaimedJob,
    call: CallRecord,
    heard: Heard,
    signal: AbortSignal,
  ): Promise<Extraction | null> {
    const { extractor, fieldsOf } = this.#options;
    if (extractor === null || call.answeredAt === null || !hasSpoken(heard)) return null;
    const leftMs = this.#deadlineOf(job) - this.#clock();
    const limitMs = Math.min(ATTEMPT_LIMIT_MS, Math.max(leftMs, LAST_ATTEMPT_MS));
    return await extractor.extract(
      {
        direction: call.direction,
        startedAt: call.answeredAt,
        transcript: spokenIn(heard.events, heard.told),
      },
      fieldsOf(call.agentId),
      AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
    );
  }

  /** It is told of by an event of its own as well, so nothing is lost where it cannot be had now. */
  async #recordingOf(call: CallRecord, signal: AbortSignal): Promise<CompletionRecording> {
    const { recordings, log } = this.#options;
    try {
      const link = call.answeredAt === null ? null : await recordings.soon(call.id, signal);
      if (link) {
        return {
          recording_url: link.url,
          recording_expires_at: new Date(link.expiresAt).toISOString(),
        };
      }
    } catch (error) {
      log.warn({ err: error, call: call.id }, 'whether there is a recording is not known');
    }
    return { recording_url: null, recording_expires_at: null };
  }

  #deadlineOf(job: ClaimedJob): number {
    return job.createdAt + this.#deadlineMs;
  }

  result(job: ClaimedJob, outcome: AttemptOutcome, end: 'done' | 'exhausted'): Append | null {
    const { verdict } = outcome;
    const detail = verdict.kind === 'success' ? verdict.detail : undefined;
    // Somebody else has completed the call, or it is gone.
    if (job.callId === null || (end === 'done' && detail === undefined)) return null;
    const completion = completionDetail.parse(detail ?? UNKNOWN);
    const { eventId } = completionBody.parse(job.body);
    const time = this.#clock();
    const event = draftEvent(
      'call.completed',
      {
        outcome: completion.outcome,
        extraction: completion.extraction,
        recording_url: completion.recording_url,
        recording_expires_at: completion.recording_expires_at,
      },
      { id: eventId, time },
    );
    const suppressions = suppressionsBy({ ...completion, callId: job.callId, time });
    return { callId: job.callId, events: [event], suppressions };
  }

  #tell(
    call: CallRecord,
    detail: CompletionDetail,
    attempt: AttemptRecord,
    attempts: number,
  ): void {
    const level = attempt.error === null ? 'info' : 'warn';
    this.#options.log[level](
      {
        call: call.id,
        outcome: detail.outcome,
        end_reason: call.endReason,
        extracted: detail.extraction !== null,
        error: attempt.error,
        status: attempt.status,
        attempts,
        duration_ms: attempt.durationMs,
        ...remedyFor(attempt),
      },
      'call completed',
    );
  }
}

/** What an attempt says of the model. */
function answerOf(extraction: Extraction): Pick<AttemptRecord, 'status' | 'error' | 'response'> {
  if (extraction.kind === 'extracted') return { status: 200, error: null, response: null };
  const { kind, status, code } = extraction;
  const response = kind === 'none' ? (extraction.response ?? null) : null;
  return { status, error: code, response };
}

/** What the operator can do about a model that answers, and always the same. */
function remedyFor({ error, status }: AttemptRecord): { remedy?: string } {
  if (error === 'invalid_request' || status === 401 || status === 403) {
    return { remedy: 'Check OPENAI_API_KEY.' };
  }
  if (error === 'invalid_answer' || (error === 'status' && status !== null && status < 429)) {
    return {
      remedy:
        'Check EXTRACTION_MODEL and OPENAI_BASE_URL: the model has to answer /chat/completions ' +
        'with structured outputs.',
    };
  }
  return {};
}

const completionRecording = z.object({
  recording_url: z.string().nullable(),
  recording_expires_at: z.string().nullable(),
});
type CompletionRecording = z.infer<typeof completionRecording>;

const completionDetail = completionRecording.extend({
  outcome: z.enum(OUTCOMES),
  extraction: z.record(z.string(), z.unknown()).nullable(),
  /** The other party, whose number the outcome may put on the suppression list. */
  direction: z.enum(['inbound', 'outbound']),
  phone: z.string().nullable(),
});
type CompletionDetail = z.infer<typeof completionDetail>;

const UNKNOWN: CompletionDetail = {
  outcome: 'UNKNOWN',
  extraction: null,
  direction: 'inbound',
  phone: null,
  recording_url: null,
  recording_expires_at: null,
};

function completionOf(
  call: CallRecord,
  extraction: Extraction | null,
  recording: CompletionRecording,
  told: ReportedCall | null,
): CompletionDetail {
  const { direction, endReason, answeredBy, contact } = call;
  const extracted = extraction?.kind === 'extracted' ? extraction : null;
  const judged = { direction, answered: call.answeredAt !== null, endReason, answeredBy };
  return {
    outcome: outcomeOf(judged, extracted?.outcome ?? modelOutcome(told?.outcome)),
    extraction: extracted?.extraction ?? told?.extraction ?? null,
    direction,
    phone: contact.phone,
    ...recording,
  };
}

const Utterance = z.object({
  data: z.object({ role: z.literal('caller'), text: z.string().regex(/\S/) }),
});

/** What there is to read of a call. */
interface Heard {
  events: readonly StoredEvent[];
  /** Of a call that another platform ran; `null` for our own. */
  told: ReportedCall | null;
}

/** Whether the other party said anything: a transcript of the agent alone tells nothing. */
function hasSpoken({ events, told }: Heard): boolean {
  if (told?.otherSpoke) return true;
  return events.some(
    ({ type, body }) =>
      type === 'transcript.final' && Utterance.safeParse(JSON.parse(body)).success,
  );
}
