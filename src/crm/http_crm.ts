import { z } from 'zod';
import { toE164 } from '../config/phone_number.ts';
import { CallwireError } from '../errors.ts';
import { readContact } from './contact_record.ts';
import type { Contact, Crm } from './crm.ts';
import { type Answer, bearer, crmUrl, errorCode, exchange, isTimeout } from './http_exchange.ts';

/** An answer to one phone number; a list of everybody is a mistake of the backend, not an answer. */
const MAX_ANSWER_IN_BYTES = 256 * 1024;

const answerSchema = z.object({ results: z.array(z.unknown()) });

export interface HttpCrmOptions {
  /** `CRM_URL`. */
  url: string;
  apiKey: string | undefined;
}

/**
 * Looks contacts up in a backend that speaks `POST /contacts/search`. Runs in the call process,
 * beside the audio: nothing here blocks, and the caller's signal is the only deadline.
 *
 * There is no circuit breaker on purpose: a call process makes one or two look-ups in its life,
 * each already bounded by the ring budget, so a breaker would never have anything to count.
 */
export class HttpCrm implements Crm {
  readonly name = 'http';
  readonly #searchUrl: URL;
  readonly #headers: Record<string, string>;

  constructor({ url, apiKey }: HttpCrmOptions) {
    this.#searchUrl = crmUrl(url, 'contacts', 'search');
    this.#headers = bearer(apiKey);
  }

  async findByPhone(phone: string, signal: AbortSignal): Promise<Contact | null> {
    const answer = await this.#search({ filter: { phone } }, signal);
    checkStatus(answer.status);
    return chooseContact(readResults(answer), phone);
  }

  async #search(body: unknown, signal: AbortSignal): Promise<Answer> {
    const attempt = () =>
      exchange({
        url: this.#searchUrl,
        headers: this.#headers,
        body,
        limitInBytes: MAX_ANSWER_IN_BYTES,
        signal,
      });
    try {
      return await attempt().catch((error: unknown) => {
        // Once, at once: mostly a kept connection that the server closed while we wrote to it.
        if (!isLostConnection(error) || signal.aborted) throw error;
        return attempt();
      });
    } catch (error) {
      if (signal.aborted || isTimeout(error)) {
        throw new CallwireError('CRM_TIMEOUT', 'The CRM gave no answer in time.', {
          retryable: true,
          remedy: 'Look at how long POST /contacts/search takes, or raise CONTEXT_BUDGET_MS.',
          cause: error,
        });
      }
      throw new CallwireError('CRM_UNAVAILABLE', 'The CRM cannot be reached.', {
        retryable: true,
        remedy: 'Check CRM_URL and that the backend is running.',
        cause: error,
      });
    }
  }
}

function isLostConnection(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(errorCode(error) ?? '');
}

function checkStatus(status: number): void {
  if (status >= 200 && status < 300) return;
  if (status === 408 || status === 429 || status >= 500) {
    throw new CallwireError('CRM_UNAVAILABLE', `The CRM answered ${status}.`, {
      retryable: true,
      remedy: 'Look at the log of the CRM backend.',
    });
  }
  throw new CallwireError('CRM_REFUSED', `The CRM answered ${status}.`, {
    remedy: refusalRemedy(status),
  });
}

function refusalRemedy(status: number): string {
  if (status === 401 || status === 403) return 'Check CRM_API_KEY.';
  if (status < 400) return 'Set CRM_URL to the address that it redirects to.';
  return 'Check CRM_URL: POST {CRM_URL}/contacts/search must exist.';
}

function readResults({ text, cut }: Answer): Contact[] {
  if (cut) throw invalidAnswer(`The CRM's answer is larger than ${MAX_ANSWER_IN_BYTES} bytes.`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Without the cause: the parser quotes the text, which may be a person's data.
    throw invalidAnswer("The CRM's answer is not JSON.");
  }
  const parsed = answerSchema.safeParse(json);
  if (!parsed.success) throw invalidAnswer('The CRM\'s answer is not {"results": […]}.');
  const { results } = parsed.data;
  // One bad record must not hide the caller's own.
  const contacts = results.map(readContact).filter((contact) => contact !== null);
  if (results.length > 0 && contacts.length === 0) {
    throw invalidAnswer("None of the CRM's results is an object with an id.");
  }
  return contacts;
}

function invalidAnswer(message: string): CallwireError {
  return new CallwireError('CRM_INVALID_ANSWER', message, {
    remedy: 'POST /contacts/search must answer {"results": [{"id", "name", "phone", …}]}.',
  });
}

/** The first with this very number, else the first: the CRM's own judgement of the best match. */
function chooseContact(contacts: readonly Contact[], phone: string): Contact | null {
  // CRMs write numbers as people do: one without a country code is read as of the sought country.
  const isSought = (written: string) => toE164(written, { near: phone }) === phone;
  const exact = contacts.find((contact) => contact.phone !== null && isSought(contact.phone));
  return exact ?? contacts[0] ?? null;
}
