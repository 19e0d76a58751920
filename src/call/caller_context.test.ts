import { beforeEach, describe, expect, it } from 'vitest';
import type { Contact, Crm } from '../crm/crm.ts';
import { CallwireError } from '../errors.ts';
import { loadCallerContext } from './caller_context.ts';

const ADA = { id: 'con_1', name: 'Ada', phone: '+15550100001' } as Contact;

let call: AbortController;
beforeEach(() => {
  call = new AbortController();
});

type Find = Crm['findByPhone'];

function contextFrom(findByPhone: Find, { budgetMs = 10_000, phone = ADA.phone } = {}) {
  const crm: Crm = { name: 'fake', findByPhone };
  return loadCallerContext({ crm, phone, budgetMs, signal: call.signal });
}

describe('the context of a caller', () => {
  it('is ready where the CRM answers in time', async () => {
    const context = await contextFrom(() => Promise.resolve(ADA));
    expect(context).toEqual({ state: 'ready', contact: ADA, ms: expect.any(Number) });
  });

  it('is ready with nobody where the CRM does not know the number', async () => {
    const context = await contextFrom(() => Promise.resolve(null));
    expect(context).toMatchObject({ state: 'ready', contact: null });
  });

  it('is none, and the CRM not asked, where the number is withheld', async () => {
    const find: Find = () => Promise.reject(new Error('asked'));
    const context = await contextFrom(find, { phone: null });
    expect(context).toEqual({ state: 'none', contact: null, ms: 0, code: 'CALLER_ANONYMOUS' });
  });

  it.each([
    [new CallwireError('CRM_REFUSED', 'no'), 'CRM_REFUSED'],
    [new TypeError('a bug'), 'CRM_UNAVAILABLE'],
  ])('is none where the CRM fails: %s', async (error, code) => {
    const context = await contextFrom(() => Promise.reject(error));
    expect(context).toMatchObject({ state: 'none', contact: null, code });
  });

  it('is pending at the end of the budget, and comes late', async () => {
    const { promise, resolve } = Promise.withResolvers<Contact | null>();
    const context = await contextFrom(() => promise, { budgetMs: 10 });
    if (context.state !== 'pending') throw new Error(context.state);
    expect(context.contact).toBeNull();
    resolve(ADA);
    expect(await context.late).toEqual({ contact: ADA, ms: expect.any(Number) });
  });

  it('may fail late, which is no exception', async () => {
    const { promise, reject } = Promise.withResolvers<Contact | null>();
    const context = await contextFrom(() => promise, { budgetMs: 10 });
    if (context.state !== 'pending') throw new Error(context.state);
    reject(new CallwireError('CRM_TIMEOUT', 'late'));
    expect(await context.late).toEqual({ code: 'CRM_TIMEOUT', ms: expect.any(Number) });
  });

  it('is not waited for when the call ends, and the CRM is let go', async () => {
    let given: AbortSignal | undefined;
    const context = contextFrom((_phone, signal) => {
      given = signal;
      return new Promise(() => undefined);
    });
    call.abort(new Error('hung up'));
    await expect(context).rejects.toThrow('hung up');
    expect(given?.aborted).toBe(true);
  });

  it('is not loaded for a call that is over', async () => {
    call.abort(new Error('hung up'));
    await expect(contextFrom(() => new Promise(() => undefined))).rejects.toThrow('hung up');
  });
});
