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
 * next attempt on, whatever had been claimed before. Attempts that ask while a read is under way
 * share it: the store answers in the order in which it is asked, so a change that somebody knows of
 * by then is in it.
 */
export function storedEndpoints({
  store,
  openSecret,
  clock = Date.now,
}: StoredEndpointOptions): (endpointId: string) => Promise<WebhookEndpoint | null> {
  const reads = new Map<string, Promise<WebhookEndpoint | null>>();
  const read = async (endpointId: string): Promise<WebhookEndpoint | null> => {
    try {
      const record = await store.getEndpoint(endpointId);
      if (record === null) return null;
      const secrets = {
        current: opened(record.secret, openSecret),
        previous: opened(record.previousSecret, openSecret),
      };
      return { id: record.id, destination: () => destinationOf(record, secrets, clock()) };
    } finally {
      reads.delete(endpointId);
    }
  };
  return (endpointId) => {
    const underWay = reads.get(endpointId) ?? read(endpointId);
    reads.set(endpointId, underWay);
    return underWay;
  };
}

function destinationOf(
  record: EndpointRecord,
  secrets: { current: string | null; previous: string | null },
  now: number,
): Destination {
  // Paused or disabled since the claim; the next claim leaves it alone.
  if (record.status !== 'active') return { status: 'hold', reason: 'resting' };
  const url = URL.parse(record.url);
  if (url === null) return { status: 'hold', reason: 'invalid_url' };
  const { current } = secrets;
  if (current === null) return { status: 'hold', reason: 'unreadable_secret' };
  const overlaps = record.previousUntil !== null && now < record.previousUntil;
  const previous = overlaps ? secrets.previous : null;
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
