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
  return error instanceof errors.ConnectTimeoutError ? 'timeout' : 'connection';
}
