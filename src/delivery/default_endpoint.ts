import { decodeSecret } from '../events/signatures.ts';
import { DEFAULT_ENDPOINT_ID } from '../store/default_endpoint.ts';
import type { Destination, WebhookEndpoint } from './endpoint.ts';

export { DEFAULT_ENDPOINT_ID };

/** `Settings.defaultEndpoint` fits. */
export interface DefaultEndpointSettings {
  url: string;
  /**
   * `false`: everything goes to the URL itself. `true`: each event goes to `{url}/<first word of
   * its type>`; the URL is `{CRM_URL}/webhooks` then.
   */
  perEvent: boolean;
  secret: string | null | undefined;
}

/**
 * The endpoint of WEBHOOK_URL, or else of CRM_URL. It is the operator's own, so it may be private
 * and plain http, and nothing ever disables it. `settings` is asked at each attempt, so that a
 * secret that appears lets the waiting deliveries go; without a URL or a usable secret they hold,
 * for an unsigned event could be anybody's.
 */
export function createDefaultEndpoint(
  settings: () => DefaultEndpointSettings | null,
): WebhookEndpoint {
  return {
    id: DEFAULT_ENDPOINT_ID,
    destination(eventType): Destination {
      const now = settings();
      if (!now) return { status: 'hold', reason: 'no_url' };
      const url = parseUrl(now.perEvent ? perEventUrl(now.url, eventType) : now.url);
      if (!url) return { status: 'hold', reason: 'invalid_url' };
      if (!now.secret) return { status: 'hold', reason: 'no_secret' };
      if (!isUsable(now.secret)) return { status: 'hold', reason: 'invalid_secret' };
      return {
        status: 'ready',
        url,
        secrets: { current: now.secret },
        families: ['standard', 'timestamped', 'plain'],
        reach: 'operator',
      };
    },
  };
}

function perEventUrl(base: string, eventType: string): string {
  const [word = ''] = eventType.split('.', 1);
  return `${base.replace(/\/+$/, '')}/${encodeURIComponent(word)}`;
}

function parseUrl(text: string): URL | null {
  const url = URL.parse(text);
  return url && (url.protocol === 'http:' || url.protocol === 'https:') ? url : null;
}

function isUsable(secret: string): boolean {
  try {
    decodeSecret(secret);
    return true;
  } catch {
    return false;
  }
}
