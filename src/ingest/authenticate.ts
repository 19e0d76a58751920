import type { IncomingHttpHeaders } from 'node:http';
import { isVapiBearer, SCHEMES, type SignedRequest, type Signer } from './signatures.ts';

export type IngestSecrets = Readonly<Record<Signer, string | undefined>>;

/** Whose body it is: a platform's own, the simplified shape of one, or nobody's that we know. */
export interface Origin {
  platform: string | null;
  simplified: boolean;
}

/** What the signatures of a request say; `signer` tells whose it is where the body does not. */
export type Verdict =
  | { kind: 'valid'; signer: Signer }
  | { kind: 'invalid' }
  /** There is none, or none whose secret we have. */
  | { kind: 'absent' };

/**
 * Judges every signature on a request. One that is there and wrong makes it invalid, whatever else it
 * came with; one whose secret is not configured counts as absent. A platform's signature is good for
 * its own bodies only: whoever has one secret must not write another's calls.
 */
export function judgeSignatures(
  request: SignedRequest,
  origin: Origin,
  secrets: IngestSecrets,
): Verdict {
  const signers = new Set<Signer>();
  for (const header of CLAIMS) {
    if (request.headers[header] === undefined) continue;
    const schemes = SCHEMES.filter(({ headers }) => headers.includes(header));
    const valid = schemes.find(({ signer, verify }) => {
      const secret = secrets[signer];
      return secret !== undefined && mayBeOf(signer, origin) && verify(request, secret);
    });
    if (valid) signers.add(valid.signer);
    else if (schemes.some(({ signer }) => secrets[signer] !== undefined && isFor(signer, origin))) {
      return { kind: 'invalid' };
    }
  }
  const { vapi } = secrets;
  if (vapi !== undefined && mayBeOf('vapi', origin) && isVapiBearer(request.headers, vapi)) {
    signers.add('vapi');
  }
  const [signer] = signers;
  return signer === undefined ? { kind: 'absent' } : { kind: 'valid', signer };
}

/** Every header that claims that a request is signed. */
const CLAIMS = [...new Set(SCHEMES.flatMap(({ headers }) => headers))];

/** Before the body is read: whether there is anything by which it could be accepted. */
export function claimsToBeSigned(headers: IncomingHttpHeaders, secrets: IngestSecrets): boolean {
  const configured = SCHEMES.filter(({ signer }) => secrets[signer] !== undefined);
  const claimed = configured.some((scheme) => scheme.headers.some((name) => headers[name]));
  return claimed || (secrets.vapi !== undefined && isVapiBearer(headers, secrets.vapi));
}

function mayBeOf(signer: Signer, { platform }: Origin): boolean {
  return signer === 'generic' || platform === null || platform === signer;
}

/** Bland and the generic shape share a header: a body of Bland's own is signed by Bland. */
function isFor(signer: Signer, { platform, simplified }: Origin): boolean {
  if (platform === null) return true;
  if (signer === 'generic') return platform !== 'bland' || simplified;
  if (signer === 'bland') return platform === 'bland';
  return true;
}
