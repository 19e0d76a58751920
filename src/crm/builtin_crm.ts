import { CallwireError, isCallwireError } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { FIND_BY_PHONE } from './builtin_requests.ts';
import { readContact } from './contact_record.ts';
import type { Contact, Crm } from './crm.ts';
import { untilAborted } from './until_aborted.ts';

/**
 * The contacts in Callwire's own database. A call process never opens it: the look-up goes to the
 * worker over the ledger's socket and is answered there by `builtinCrmRequests`.
 */
export class BuiltinCrm implements Crm {
  readonly name = 'builtin';
  readonly #ledger: Pick<Ledger, 'request'>;

  constructor(ledger: Pick<Ledger, 'request'>) {
    this.#ledger = ledger;
  }

  async findByPhone(phone: string, signal: AbortSignal): Promise<Contact | null> {
    const answer = await this.#ask({ phone }, signal);
    if (answer === null) return null;
    const contact = readContact(answer);
    if (contact !== null) return contact;
    throw new CallwireError('CRM_INVALID_ANSWER', 'The worker answered with no contact.', {
      remedy: 'Restart the worker: it and its call processes may be of different versions.',
    });
  }

  async #ask(params: { phone: string }, signal: AbortSignal): Promise<unknown> {
    try {
      return await untilAborted(
        this.#ledger.request<unknown>(FIND_BY_PHONE, params, signal),
        signal,
      );
    } catch (error) {
      if (signal.aborted) {
        throw new CallwireError('CRM_TIMEOUT', 'The built-in CRM gave no answer in time.', {
          retryable: true,
          cause: error,
        });
      }
      throw new CallwireError('CRM_UNAVAILABLE', 'The built-in CRM cannot be asked.', {
        retryable: true,
        remedy: (isCallwireError(error) ? error.remedy : undefined) ?? 'Look at the worker log.',
        cause: error,
      });
    }
  }
}
