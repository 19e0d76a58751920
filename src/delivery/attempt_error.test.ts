import { expect, it } from 'vitest';
import { CONNECTION_FAULTS, connectionFault, errorCode } from './attempt_error.ts';

const withCode = (code: string) => Object.assign(new Error('made up'), { code });

it.each([
  ['ENOTFOUND', 'name_not_resolved'],
  ['EAI_AGAIN', 'name_not_resolved'],
  ['ECONNREFUSED', 'connection_refused'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['CERT_HAS_EXPIRED', 'certificate'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'certificate'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'certificate'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'certificate'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'certificate'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls'],
  ['EPROTO', 'tls'],
  ['ECONNRESET', 'connection'],
  ['UND_ERR_SOCKET', 'connection'],
])('%s is told as %s', (code, fault) => {
  expect(errorCode(withCode(code))).toBe(fault);
  expect(CONNECTION_FAULTS).toContain(fault);
});

it('is told in a word of ours where nobody says why', () => {
  expect(connectionFault(new Error('made up'))).toBe('connection');
  expect(connectionFault('made up')).toBe('connection');
});
