import { z } from 'zod';
import { connectionFault } from '../delivery/attempt_error.ts';
import { parseRetryAfter } from '../delivery/retry_schedule.ts';
import type { CrmWrite, CrmWriteResult, CrmWriter } from './crm.ts';
import type { HttpCrmOptions } from './http_crm.ts';
import { type Answer, bearer, crmUrl, errorCode, exchange, isTimeout } from './http_exchange.ts';

/** As much as is kept of an attempt's answer. */
const MAX_ANSWER_IN_BYTES = 4 * 1024;

/** What an answer may tell of the contact that it made for an unknown caller. */
const madeContactSchema = z.object({
  contactId: z.string().min(1).max(200).optional(),
  contact_id: z.string().min(1).max(200).optional(),
});

/** Writes to a backend that takes notes and activities. Runs only in the worker. */
export class HttpCrmWriter implements CrmWriter {
  readonly name = 'http';
  /** By contract: a backend that takes our writes honours their `Idempotency-Key`. */
  readonly deduplicates = true;
  readonly #url: string;
  readonly #headers: Record<string, string>;

  constructor({ url, apiKey }: HttpCrmOptions) {
    this.#url = url;
    this.#headers = bearer(apiKey);
  }

  async write(write: CrmWrite, signal: AbortSignal): Promise<CrmWriteResult> {
    // A URL parser resolves these two even where they are percent-encoded.
    if (write.contactId === '.' || write.contactId === '..') {
      return { ok: false, retryable: false, code: 'invalid_contact_id', status: null };
    }
    const { path, body } = requestOf(write);
    let answer: Answer;
    try {
      answer = await exchange({
        url: crmUrl(this.#url, ...path),
        headers: { ...this.#headers, 'idempotency-key': write.id },
        body,
        limitInBytes: MAX_ANSWER_IN_BYTES,
        signal,
      });
    } catch (error) {
      return noAnswer(error, signal);
    }
    return resultOf(write, answer);
  }
}

function requestOf(write: CrmWrite): { path: string[]; body: Record<string, unknown> } {
  const path = write.contactId === null ? [] : ['contacts', write.contactId];
  if (write.operation === 'activity') {
    return { path: [...path, 'activities'], body: { ...write.activity } };
  }
  if (write.contactId === null) {
    const body = { type: 'note', phone: write.phone, summary: write.text };
    return { path: ['activities'], body };
  }
  return { path: [...path, 'notes'], body: { text: write.text, source: 'ai-agent' } };
}

function noAnswer(error: unknown, signal: AbortSignal): CrmWriteResult {
  if (errorCode(error) === 'UND_ERR_INVALID_ARG') {
    return { ok: false, retryable: false, code: 'invalid_request', status: null };
  }
  const code = signal.aborted || isTimeout(error) ? 'timeout' : connectionFault(error);
  return { ok: false, retryable: true, code, status: null };
}

function resultOf(write: CrmWrite, { status, headers, text }: Answer): CrmWriteResult {
  const response = text.replaceAll('\0', ''); // Postgres takes none in a text.
  if (status >= 200 && status < 300) {
    return { ok: true, contactId: write.contactId ?? madeContact(text), status, response };
  }
  const retryAfterMs = parseRetryAfter(headers['retry-after'], Date.now());
  return {
    ok: false,
    retryable: status === 408 || status === 429 || status >= 500,
    code: status >= 300 && status < 400 ? 'redirect' : 'status',
    status,
    response,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function madeContact(text: string): string | null {
  try {
    const answer = madeContactSchema.safeParse(JSON.parse(text)).data;
    return answer?.contactId ?? answer?.contact_id ?? null;
  } catch {
    return null; // Most answers are empty or no JSON: nothing is promised about them.
  }
}
