import { beginAttempt } from '../delivery/attempt_record.ts';
import type { AttemptOutcome, JobHandler } from '../delivery/job_handler.ts';
import { derivedId } from '../ids.ts';
import type { Append, AttemptRecord, ClaimedJob } from '../store/store.ts';
import type { CrmWrite, CrmWriteResult, CrmWriter } from './crm.ts';
import { crmWriteBodySchema } from './crm_write_body.ts';

const ATTEMPT_TIMEOUT_MS = 15_000;
/** A CRM that is overloaded or too slow gets a pause, whatever the schedule says. */
const OVERLOAD_PAUSE_MS = 60_000;

/**
 * Carries notes and activities to the CRM as jobs of the delivery loop, and says in the ledger how
 * each ended: `crm.updated`, or `crm.update_failed` once no attempt is left.
 */
export class CrmWriteHandler implements JobHandler {
  readonly kind = 'crm_write';
  /** A CRM is slower than a receiver of events, and look-ups of ringing calls want it as well. */
  readonly lanes = 8;
  readonly #writer: CrmWriter;

  constructor(writer: CrmWriter) {
    this.#writer = writer;
  }

  async attempt(job: ClaimedJob, signal: AbortSignal): Promise<AttemptOutcome> {
    const at = Date.now();
    const record = beginAttempt(at);
    const body = crmWriteBodySchema.safeParse(job.body);
    if (!body.success) {
      return { attempt: record({ error: 'invalid_body' }), verdict: { kind: 'final' } };
    }
    const { toolCallId: _, ...write } = body.data;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_TIMEOUT_MS)]);
    const result = await this.#write(write, deadline);
    const attempt = record({
      status: result.status ?? null,
      error: result.ok ? null : result.code,
      response: result.response ?? null,
    });
    // Ended by the shutdown, not by the CRM: the write's id lets the next process say it again.
    if (!result.ok && result.retryable && signal.aborted) {
      return { attempt: { ...attempt, error: 'aborted' }, verdict: { kind: 'hold', untilMs: at } };
    }
    return { attempt, verdict: verdictOf(result) };
  }

  async #write(write: CrmWrite, signal: AbortSignal): Promise<CrmWriteResult> {
    try {
      return await this.#writer.write(write, signal);
    } catch {
      // Writers answer with values; a mistake in one must not stop the loop.
      return { ok: false, retryable: true, code: 'unexpected', status: null };
    }
  }

  result(job: ClaimedJob, outcome: AttemptOutcome, end: 'done' | 'exhausted'): Append | null {
    if (job.callId === null) return null;
    const type = end === 'done' ? 'crm.updated' : 'crm.update_failed';
    const body = crmWriteBodySchema.safeParse(job.body).data;
    return {
      callId: job.callId,
      events: [
        {
          // Of the job, not new: a settlement that is repeated after a crash says it once.
          id: derivedId('evt', job.createdAt, `${job.id} ${type}`),
          type,
          time: Date.now(),
          data: {
            operation: body?.operation ?? null,
            ...(body?.operation === 'note' && { note: body.text }),
            ...(body?.toolCallId !== undefined && { tool_call_id: body.toolCallId }),
            ...(end === 'done' ? madeContact(body, outcome) : failure(outcome.attempt)),
          },
        },
      ],
    };
  }
}

function verdictOf(result: CrmWriteResult): AttemptOutcome['verdict'] {
  if (result.ok) return { kind: 'success', detail: { contactId: result.contactId } };
  if (!result.retryable) return { kind: 'final' };
  const overloaded = result.status === 429 || result.code === 'timeout';
  return {
    kind: 'retry',
    ...(overloaded && { notBeforeMs: OVERLOAD_PAUSE_MS }),
    ...(result.retryAfterMs !== undefined && { retryAfterMs: result.retryAfterMs }),
  };
}

/** The contact that the write made or found; the call's row knows of none, or of another CRM's. */
function madeContact(body: CrmWrite | undefined, outcome: AttemptOutcome): { contact_id?: string } {
  const { verdict } = outcome;
  if (!body || verdict.kind !== 'success') return {};
  const contactId = verdict.detail?.contactId;
  const isNews = typeof contactId === 'string' && contactId !== body.contactId;
  return isNews ? { contact_id: contactId } : {};
}

function failure({ error, status }: AttemptRecord): Record<string, unknown> {
  return { error: error ?? 'unknown', ...(status !== null && { status }) };
}
