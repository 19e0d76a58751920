import type { EndpointRecord, Sealed } from '../store/endpoint_store.ts';
import type { Store } from '../store/store.ts';
import type { Destination, WebhookEndpoint } from './endpoint.ts';

export interface StoredEndpointOptions {
  store: Pick<Store, 'getEndpoint'>;
  /** Unseals a secret; may throw (the ENCRYPTION_KEY is another one). */
  openSecret: (sealed: Sealed) => string;
  /** The wall clock, milliseconds (Default: `Date.now`) */
  clock?: () => number;
}

/**
 * The endpoints that the API made, read anew at each attempt: what a PATCH changed counts from the
 * next attempt on, whatever had been claimed before.
 */
export function storedEndpoints({
  store,
  openSecret,
  clock = Date.now,
}: StoredEndpointOptions): (endpointId: string) => Promise<WebhookEndpoint | null> {
  return async (endpointId) => {
    const record = await store.getEndpoint(endpointId);
    if (record === null) return null;
    return { id: record.id, destination: () => destinationOf(record, openSecret, clock()) };
  };
}

function destinationOf(
  record: EndpointRecord,
  openSecret: (sealed: Sealed) => string,
  now: number,
): Destination {
  // Paused or disabled since the claim; the next claim leaves it alone.
  if (record.status !== 'active') return { status: 'hold', reason: 'resting' };
  const url = URL.parse(record.url);
  if (url === null) return { status: 'hold', reason: 'invalid_url' };
  const current = opened(record.secret, openSecret);
  if (current === null) return { status: 'hold', reason: 'unreadable_secret' };
  const overlaps = record.previousUntil !== null && now < record.previousUntil;
  const previous = overlaps ? opened(record.previousSecret, openSecret) : null;
  return {
    status: 'ready',
    url,
    secrets: { current, ...(previous !== null && { previous }) },
    families: record.signatures,
    reach: 'guarded',
  };
}

function opened(sealed: Sealed | null, openSecret: (sealed: Sealed) => string): string | null {
  if (sealed === null) return null;
  try {
    return openSecret(sealed);
  } catch {
    // A wrong key is the operator's to mend; until then nothing is sent unsigned, and nothing lost.
    return null;
  }
}
