import { errors } from 'undici';
import { isCallwireError } from '../errors.ts';

/** Codes of an attempt, by those of the errors behind them. */
const ERROR_CODES: Readonly<Record<string, string>> = {
  DELIVERY_TIMEOUT: 'timeout',
  DELIVERY_ADDRESS_REFUSED: 'address_refused',
  DELIVERY_PLAIN_HTTP_REFUSED: 'plain_http_refused',
  DELIVERY_PROXY_UNREACHABLE: 'proxy_unreachable',
  DELIVERY_PROXY_AUTH: 'proxy_auth',
  DELIVERY_PROXY_FAILED: 'proxy_failed',
  DELIVERY_PROXY_REFUSED: 'proxy_refused',
};

/** Nothing reached whoever was asked. */
export const PROXY_FAULTS: ReadonlySet<string> = new Set([
  'proxy_unreachable',
  'proxy_auth',
  'proxy_failed',
]);

/** The code of a `post` that had no answer. */
export function errorCode(error: unknown): string {
  const code = isCallwireError(error) ? ERROR_CODES[error.code] : undefined;
  if (code !== undefined) return code;
  return error instanceof errors.ConnectTimeoutError ? 'timeout' : connectionFault(error);
}

/** What `connectionFault` says. */
export const CONNECTION_FAULTS: ReadonlySet<string> = new Set([
  'name_not_resolved',
  'connection_refused',
  'unreachable',
  'certificate',
  'tls',
  'connection',
]);

const FAULTS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'name_not_resolved',
  ENODATA: 'name_not_resolved',
  EAI_AGAIN: 'name_not_resolved',
  ECONNREFUSED: 'connection_refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EPROTO: 'tls',
};

/** OpenSSL's words for a chain or a name that is not trusted, as Node hands them on. */
const OF_A_CERTIFICATE = /CERT|CRL|UNABLE_TO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA/;

/**
 * Why there was no connection, or none any more: `connection` stands for all that breaks one, such as
 * a reset. Node's own codes are too many and change; these do not.
 */
export function connectionFault(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const fault = FAULTS[code];
  if (fault !== undefined) return fault;
  if (OF_A_CERTIFICATE.test(code)) return 'certificate';
  return /^ERR_(SSL|TLS)_/.test(code) ? 'tls' : 'connection';
}
