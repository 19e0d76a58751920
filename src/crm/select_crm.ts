import { CallwireError } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ContactStore } from '../store/store.ts';
import { BuiltinCrm } from './builtin_crm.ts';
import { BuiltinCrmWriter } from './builtin_crm_writer.ts';
import type { Crm, CrmWriter } from './crm.ts';
import { HttpCrm, type HttpCrmOptions } from './http_crm.ts';
import { HttpCrmWriter } from './http_crm_writer.ts';

export interface CrmSettings {
  adapter: 'builtin' | 'http';
  /** Needed by `http` only. */
  url: string | undefined;
  apiKey: string | undefined;
}

/** The reader of a call process. */
export function createCrm(settings: CrmSettings, ledger: Pick<Ledger, 'request'>): Crm {
  return settings.adapter === 'builtin'
    ? new BuiltinCrm(ledger)
    : new HttpCrm(httpOptions(settings));
}

/** The writer of the worker's delivery loop. */
export function createCrmWriter(
  settings: CrmSettings,
  store: Pick<ContactStore, 'addContactEntry'>,
): CrmWriter {
  return settings.adapter === 'builtin'
    ? new BuiltinCrmWriter(store)
    : new HttpCrmWriter(httpOptions(settings));
}

function httpOptions({ url, apiKey }: CrmSettings): HttpCrmOptions {
  if (url !== undefined && URL.canParse(url)) return { url, apiKey };
  throw new CallwireError('CRM_NOT_CONFIGURED', 'The CRM adapter http has no usable address.', {
    remedy: 'Set CRM_URL to the address of your backend, or CRM_ADAPTER=builtin.',
  });
}
