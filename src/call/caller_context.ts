import type { Contact, Crm } from '../crm/crm.ts';
import { isCallwireError } from '../errors.ts';

/** What is known of the caller when the phone is about to be answered. */
export type CallerContext =
  /** The CRM answered in time; `contact` is `null` for somebody it does not know. */
  | { state: 'ready'; contact: Contact | null; ms: number }
  /** The CRM has not answered yet; `late` settles when it does. */
  | { state: 'pending'; contact: null; ms: number; late: Promise<LateContext> }
  /** There is nothing to wait for: an anonymous caller, or the CRM failed. */
  | { state: 'none'; contact: null; ms: number; code: string };

export type LateContext = { contact: Contact | null; ms: number } | { code: string; ms: number };

/**
 * How long an answer that missed the budget is still waited for. A conversation outlives a slow
 * CRM; a hanging one must not hold its socket for the whole call.
 */
const LATE_LIMIT_MS = 30_000;

/**
 * Asks the CRM who calls, under one budget. Never rejects except with the reason of `signal`
 * (the call has ended).
 */
export async function loadCallerContext(options: {
  crm: Crm;
  phone: string | null;
  budgetMs: number;
  signal: AbortSignal;
}): Promise<CallerContext> {
  const { crm, phone, budgetMs, signal } = options;
  const startedAt = performance.now();
  const elapsed = () => Math.round(performance.now() - startedAt);
  if (phone === null) return { state: 'none', contact: null, ms: 0, code: 'CALLER_ANONYMOUS' };

  const limit = AbortSignal.any([signal, AbortSignal.timeout(budgetMs + LATE_LIMIT_MS)]);
  const lookup: Promise<LateContext> = crm.findByPhone(phone, limit).then(
    (contact) => ({ contact, ms: elapsed() }),
    (error: unknown) => ({
      code: isCallwireError(error) ? error.code : 'CRM_UNAVAILABLE',
      ms: elapsed(),
    }),
  );
  const first = await Promise.race([lookup, budgetOver(budgetMs, signal)]);
  signal.throwIfAborted();
  if (first === 'budget over') {
    return { state: 'pending', contact: null, ms: elapsed(), late: lookup };
  }
  if ('code' in first) return { state: 'none', contact: null, ms: first.ms, code: first.code };
  return { state: 'ready', contact: first.contact, ms: first.ms };
}

function budgetOver(ms: number, signal: AbortSignal): Promise<'budget over'> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve('budget over');
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
