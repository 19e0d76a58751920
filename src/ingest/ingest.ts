import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import type { Report } from '../events/reported_call.ts';
import { within } from '../ledger/within.ts';
import type { Append, AppendResult } from '../store/store.ts';
import { claimsToBeSigned, type IngestSecrets, judgeSignatures } from './authenticate.ts';
import { faultOfCallId } from './call_id.ts';
import { isObject } from './loose.ts';
import type { Reading } from './platform.ts';
import { recognise } from './platforms.ts';
import { answerQuestion, find, type QuestionOptions } from './questions.ts';
import { reportAppend } from './report_append.ts';

/*
 * The one door for what other platforms tell and ask
 * ==================================================
 *
 *   body ─ recognised? ─ signatures judged ─┬─ wrong, or neither key nor signature ─▶ 401, counted
 *                                           ▼
 *                              read ─┬─ no JSON, no id that a call can have ────────▶ 400
 *                                    ├─ a question ─▶ the CRM, at most 3.5 s ───────▶ 200, the answer
 *                                    └─ a report ─▶ of an end that names no contact: the CRM, 1 s
 *                                                ─▶ one durable append ─────────────▶ 200
 *
 * Nothing that is not let in is kept or logged. What follows from a report is decided behind its answer
 * (`src/store/report_inbox.ts`, `src/events/reported_events.ts`).
 */

export interface IngestOptions {
  secrets: IngestSecrets;
  /** Commits an append, never into a spool: what is answered with 200 is in the ledger. */
  commit: (append: Append) => Promise<AppendResult>;
  questions: QuestionOptions;
  staleAfterMs: number;
  log: Logger;
  /** (Default: `Date.now`) */
  clock?: () => number;
}

export interface IngestRequest {
  /** Names in lower case. */
  headers: IncomingHttpHeaders;
  raw: Buffer;
  /** It came with a key that has the scope `ingest`. */
  hasKey: boolean;
}

export interface IngestAnswer {
  status: 200 | 400 | 401 | 500;
  body: unknown;
  /** For the metric: the platform, and what became of the request. */
  platform: string | null;
  outcome: 'report' | 'question' | 'unauthorized' | 'invalid' | 'failed';
}

export interface Ingest {
  /** @param gone Asked for a signal that ends the answer to a question, where there is one. */
  take(request: IngestRequest, gone: () => AbortSignal): Promise<IngestAnswer>;
  /** Before the body is read: whether any signature could let the request in. */
  mayBeSigned(headers: IncomingHttpHeaders): boolean;
}

/** Behind it the call is written without: a platform waits some seconds for an answer. */
const CONTACT_LIMIT_MS = 1_000;

/** A store that does not commit by then: the platform sends it again. */
const COMMIT_LIMIT_MS = 5_000;

export const UNAUTHORIZED = {
  error: 'Unauthorized',
  message: 'Invalid or missing API key',
} as const;
export const FAILED = {
  error: 'Internal server error',
  message: 'Failed to process webhook',
} as const;

export function createIngest(options: IngestOptions): Ingest {
  const { secrets, questions, log } = options;
  const clock = options.clock ?? Date.now;

  const take = async (
    { headers, raw, hasKey }: IngestRequest,
    gone: () => AbortSignal,
  ): Promise<IngestAnswer> => {
    const body = parsed(raw);
    const recognised = isObject(body) ? recognise(body) : null;
    const { platform = null, simplified = false } = recognised ?? {};
    const origin = { platform, simplified };
    const compact = remembered(() => compactOf(body));
    const verdict = judgeSignatures({ headers, raw, compact, now: clock() }, origin, secrets);
    if (verdict.kind === 'invalid' || (verdict.kind === 'absent' && !hasKey)) {
      return { status: 401, body: UNAUTHORIZED, platform, outcome: 'unauthorized' };
    }
    if (!isObject(body) || recognised === null) {
      return invalid(platform, 'The body is no JSON object');
    }
    const provider = platform ?? (verdict.kind === 'valid' ? verdict.signer : 'generic');
    const reading = recognised.read(clock());
    if (reading.kind === 'no_call') return invalid(provider, 'Missing required field: callId');
    if (reading.kind === 'question') {
      const answer = await answerQuestion(reading.question, questions, gone());
      return { status: 200, body: answer, platform: provider, outcome: 'question' };
    }
    const fault = faultOfCallId(reading.callId);
    if (fault !== null) return invalid(provider, fault);
    return await report({ provider, reading, body });
  };

  const report = async ({
    provider,
    reading,
    body,
  }: {
    provider: string;
    reading: Extract<Reading, { kind: 'report' }>;
    body: unknown;
  }): Promise<IngestAnswer> => {
    const found = await contactFor(reading.report, questions);
    const append = reportAppend(
      { provider, reading, body, found },
      { now: clock(), staleAfterMs: options.staleAfterMs, secrets },
    );
    const result = await within(COMMIT_LIMIT_MS, options.commit(append));
    if (result?.status === 'appended') {
      return {
        status: 200,
        body: {
          success: true,
          message: 'Webhook processed successfully',
          callId: reading.callId,
          id: result.callId ?? append.callId,
          ...(reading.ignored?.length && { ignored: reading.ignored }),
        },
        platform: provider,
        outcome: 'report',
      };
    }
    const code = result?.status === 'refused' ? result.code : 'LEDGER_UNAVAILABLE';
    log.error({ provider, code, event: reading.event }, 'a report could not be written');
    return { status: 500, body: FAILED, platform: provider, outcome: 'failed' };
  };

  return { take, mayBeSigned: (headers) => claimsToBeSigned(headers, secrets) };
}

/** The CRM gets an activity at the end of a call: it is the contact's, where there is one. */
async function contactFor(
  { stage, contactId, direction, from, to }: Report,
  { crm, log }: QuestionOptions,
): Promise<Report['found']> {
  // Without a direction as the call's row has it: it counts as outbound.
  const phone = direction === 'inbound' ? from : to;
  const isEnd = stage === 'ended' || stage === 'analysed';
  if (!isEnd || contactId !== undefined || phone === undefined) return undefined;
  const contact = await find(phone, { crm, log }, AbortSignal.timeout(CONTACT_LIMIT_MS));
  if (contact === 'not_available' || contact === null) return undefined;
  return { id: contact.id, name: contact.name };
}

function invalid(platform: string | null, message: string): IngestAnswer {
  const body = { error: 'Invalid webhook payload', message };
  return { status: 400, body, platform, outcome: 'invalid' };
}

/** `undefined` for what is no JSON; the parser's message would quote the body. */
function parsed(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** A body that is nested deeper than the stack can be read, but not written. */
function compactOf(body: unknown): string | null {
  try {
    return body === undefined ? null : JSON.stringify(body);
  } catch {
    return null;
  }
}

function remembered<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
