/** Where LiveKit's webhooks arrive, behind the API's URL. */
export const LIVEKIT_WEBHOOK_PATH = '/livekit/webhook';

export interface ApiAddress {
  enabled: boolean;
  host: string;
  /** 0: any free one, which nobody knows beforehand. */
  port: number;
  publicUrl: string | undefined;
}

const ALL_ADDRESSES: ReadonlySet<string> = new Set(['0.0.0.0', '::', '[::]']);

/** Where a LiveKit on this machine reaches the worker; `undefined` where that cannot be said. */
export function localWebhookUrl({ enabled, host, port }: ApiAddress): string | undefined {
  if (!enabled || port === 0) return undefined;
  const address = ALL_ADDRESSES.has(host) ? '127.0.0.1' : host;
  return `http://${isBareIpv6(address) ? `[${address}]` : address}:${port}${LIVEKIT_WEBHOOK_PATH}`;
}

/** What has to be entered in LiveKit so that its webhooks arrive; lines for a terminal. */
export function webhookInstructions(
  api: ApiAddress,
  livekit: { url: string; apiKey: string; isLocalStack: boolean },
): string[] {
  if (!api.enabled)
    return ['SERVER=off: nobody takes them, so callers whom no worker takes ring on'];
  const url = api.publicUrl ? `${api.publicUrl}${LIVEKIT_WEBHOOK_PATH}` : localWebhookUrl(api);
  if (livekit.isLocalStack) {
    return [`The local stack sends them to ${localWebhookUrl(api) ?? 'nobody: set PORT'}`];
  }
  const { hostname } = new URL(livekit.url);
  const shown = url ?? `<URL of the worker's HTTP API>${LIVEKIT_WEBHOOK_PATH}`;
  const reachable = api.publicUrl
    ? []
    : ['           which LiveKit must be able to reach: see PUBLIC_URL'];
  return [
    `URL        ${shown}`,
    ...reachable,
    `Key        ${livekit.apiKey}`,
    hostname.endsWith('.livekit.cloud')
      ? 'Where      https://cloud.livekit.io, "Settings", "Webhooks"'
      : 'Where      livekit.yaml: webhook: { api_key: <key>, urls: [<URL>] }',
  ];
}

function isBareIpv6(address: string): boolean {
  return address.includes(':') && !address.startsWith('[');
}
