import { expect, it } from 'vitest';
import { createCrm, createCrmWriter } from './select_crm.ts';

const ledger = { request: () => Promise.reject(new Error('not asked here')) };
const store = { addContactEntry: () => Promise.reject(new Error('not asked here')) };
const nothing = { url: undefined, apiKey: undefined };

it.each(['builtin', 'http'] as const)('makes reader and writer of %s', (adapter) => {
  const settings = { ...nothing, adapter, url: 'https://crm.example' };
  expect(createCrm(settings, ledger).name).toBe(adapter);
  expect(createCrmWriter(settings, store).name).toBe(adapter);
});

it.each([[undefined], ['crm.example']])('refuses http with the address %j', (url) => {
  const settings = { ...nothing, adapter: 'http' as const, url };
  const refused = expect.objectContaining({ code: 'CRM_NOT_CONFIGURED' });
  expect(() => createCrm(settings, ledger)).toThrow(refused);
  expect(() => createCrmWriter(settings, store)).toThrow(refused);
});
