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

    const { username } = request.credentials;
    const cnonce = request.cnonce ?? randomBytes(8).toString('hex');
    const nc = '00000001';
    const response = proofOf(hash, request.credentials, request.method, {
      realm: challenge.realm,
      nonce: challenge.nonce,
      uri: request.uri,
      ...(qops ? { qop: 'auth', nc, cnonce } : {}),
    });

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

/** The `response` of RFC 2617 3.2.2.1, from the parameters of an Authorization field. */
function proofOf(hash: string, login: Credentials, method: string, params: Params): string {
  const h = (text: string): string => createHash(hash).update(text).digest('hex');
  const ha1 = h(`${login.username}:${params.realm}:${login.password}`);
  const ha2 = h(`${method}:${params.uri}`);
  return params.qop
    ? h(`${ha1}:${params.nonce}:${params.nc}:${params.cnonce}:${params.qop}:${ha2}`)
    : h(`${ha1}:${params.nonce}:${ha2}`);
}

/** The other side of it: asks callers for one login, as a carrier's trunk does. */
export class LoginDesk {
  readonly #login: Credentials;
  readonly #nonces = new Set<string>();

  constructor(login: Credentials) {
    this.#login = login;
  }

  /** A WWW- or Proxy-Authenticate value whose nonce is good for one answer. */
  challenge(): string {
    const nonce = randomBytes(12).toString('hex');
    this.#nonces.add(nonce);
    return `Digest realm="${REALM}", nonce="${nonce}", qop="auth", algorithm=MD5`;
  }

  /**
   * Whether this Authorization value answers a challenge of ours. Its `uri` is taken as it comes:
   * livekit-sip signs the URI of To, which need not be the Request-URI.
   */
  admits(authorization: string | undefined, method: string): boolean {
    const params = parseChallenge(authorization ?? '');
    if (!params?.nonce || !this.#nonces.delete(params.nonce)) return false;
    if (params.realm !== REALM || params.username !== this.#login.username) return false;
    return params.response === proofOf('md5', this.#login, method, params);
  }
}

const REALM = 'callwire-phone';
