import { createHash, randomBytes } from 'node:crypto';

/**
 * Digest answers to 401 and 407 (RFC 2617; SHA-256 by RFC 8760). Providers still send MD5, which
 * is why a phone must too; `qop` is `auth` or, for the oldest servers, absent.
 */

export interface Credentials {
  username: string;
  password: string;
}

type Params = Record<string, string>;

const HASHES: Record<string, string> = { md5: 'md5', 'sha-256': 'sha256' };

/** The parameters of a challenge, or undefined when its scheme is not Digest. */
export function parseChallenge(value: string): Params | undefined {
  const scheme = /^\s*Digest\s+(.*)$/is.exec(value);
  if (!scheme) return undefined;
  const params: Params = {};
  for (const match of scheme[1]!.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)) {
    params[match[1]!.toLowerCase()] = match[2] ?? match[3] ?? '';
  }
  return params;
}

/**
 * The value of the Authorization or Proxy-Authorization field, made from the first challenge we
 * can answer (RFC 8760 2.4: the server lists its preferred one first); undefined when there is none.
 */
export function authorize(request: {
  challenges: readonly string[];
  credentials: Credentials;
  method: string;
  uri: string;
  /** For test vectors only: made anew otherwise. */
  cnonce?: string;
}): string | undefined {
  for (const value of request.challenges) {
    const challenge = parseChallenge(value);
    const hash = HASHES[(challenge?.algorithm ?? 'MD5').toLowerCase()];
    if (!challenge?.nonce || challenge.realm === undefined || !hash) continue;
    const qops = challenge.qop?.split(',').map((qop) => qop.trim().toLowerCase());
    if (qops && !qops.includes('auth')) continue;

    const h = (text: string): string => createHash(hash).update(text).digest('hex');
    const { username, password } = request.credentials;
    const ha1 = h(`${username}:${challenge.realm}:${password}`);
    const ha2 = h(`${request.method}:${request.uri}`);
    const cnonce = request.cnonce ?? randomBytes(8).toString('hex');
    const nc = '00000001';
    const response = qops
      ? h(`${ha1}:${challenge.nonce}:${nc}:${cnonce}:auth:${ha2}`)
      : h(`${ha1}:${challenge.nonce}:${ha2}`);

    const parts = [
      `username="${username}"`,
      `realm="${challenge.realm}"`,
      `nonce="${challenge.nonce}"`,
      `uri="${request.uri}"`,
      `response="${response}"`,
    ];
    if (challenge.algorithm) parts.push(`algorithm=${challenge.algorithm}`);
    if (challenge.opaque !== undefined) parts.push(`opaque="${challenge.opaque}"`);
    if (qops) parts.push('qop=auth', `nc=${nc}`, `cnonce="${cnonce}"`);
    return `Digest ${parts.join(', ')}`;
  }
  return undefined;
}
