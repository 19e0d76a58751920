import type { SignatureFamily, SigningSecrets } from '../events/signatures.ts';

/**
 * The endpoint of a target. An endpoint with several paths has a target for each, `whe_default:call`,
 * so that one path that fails does not hold up the others.
 */
export function endpointIdOf(target: string): string {
  return target.split(':', 1)[0] ?? target;
}

/** Where a webhook job's target leads. Asked anew at each attempt. */
export interface WebhookEndpoint {
  readonly id: string;
  destination(eventType: string): Destination;
}

export type Destination =
  | {
      status: 'ready';
      url: URL;
      secrets: SigningSecrets;
      families: readonly SignatureFamily[];
      /** What its URL may lead to: see `reach.ts`. */
      reach: 'operator' | 'guarded';
    }
  /** Deliveries wait, uncounted, and are looked at again later. */
  | {
      status: 'hold';
      reason:
        | 'no_url'
        | 'invalid_url'
        | 'no_secret'
        | 'invalid_secret'
        | 'unreadable_secret'
        | 'resting';
    };
