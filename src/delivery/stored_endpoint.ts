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
    const record = await store.getEndpoint(endpointId);
    if (record === null) return null;
    const endpoint = {
      record,
      url: URL.parse(record.url),
      current: opened(record.secret, openSecret),
      previous: opened(record.previousSecret, openSecret),
    };
    return { id: record.id, destination: () => destinationOf(endpoint, clock()) };
  };
  return (endpointId) => {
    const underWay = reads.get(endpointId);
    if (underWay) return underWay;
    const reading = read(endpointId).finally(() => reads.delete(endpointId));
    reads.set(endpointId, reading);
    return reading;
  };
}

interface ReadEndpoint {
  record: EndpointRecord;
  url: URL | null;
  current: string | null;
  previous: string | null;
}

function destinationOf(
  { record, url, current, previous: before }: ReadEndpoint,
  now: number,
): Destination {
  // Paused or disabled since the claim; the next claim leaves it alone.
  if (record.status !== 'active') return { status: 'hold', reason: 'resting' };
  if (url === null) return { status: 'hold', reason: 'invalid_url' };
  if (current === null) return { status: 'hold', reason: 'unreadable_secret' };
  const overlaps = record.previousUntil !== null && now < record.previousUntil;
  const previous = overlaps ? before : null;
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
