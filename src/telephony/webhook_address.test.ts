import { describe, expect, it } from 'vitest';
import { type ApiAddress, localWebhookUrl, webhookInstructions } from './webhook_address.ts';

const api: ApiAddress = { enabled: true, host: '127.0.0.1', port: 8080, publicUrl: undefined };

describe('where a LiveKit on this machine sends its webhooks', () => {
  it.each([
    ['127.0.0.1', 'http://127.0.0.1:8080/livekit/webhook'],
    ['0.0.0.0', 'http://127.0.0.1:8080/livekit/webhook'],
    ['::', 'http://127.0.0.1:8080/livekit/webhook'],
    ['::1', 'http://[::1]:8080/livekit/webhook'],
    ['192.0.2.7', 'http://192.0.2.7:8080/livekit/webhook'],
  ])('HOST=%s: %s', (host, url) => {
    expect(localWebhookUrl({ ...api, host })).toBe(url);
  });

  it('is unknown without an API, and where its port is any free one', () => {
    expect(localWebhookUrl({ ...api, enabled: false })).toBeUndefined();
    expect(localWebhookUrl({ ...api, port: 0 })).toBeUndefined();
  });
});

describe('what must be entered in LiveKit', () => {
  const told = (
    more: Partial<ApiAddress> = {},
    url = 'wss://my-project-4711.livekit.cloud',
    isLocalStack = false,
  ) => webhookInstructions({ ...api, ...more }, { url, apiKey: 'APIkey', isLocalStack }).join('\n');

  it('is the public URL, with the key that signs', () => {
    const said = told({ publicUrl: 'https://callwire.example.com' });
    expect(said).toContain('https://callwire.example.com/livekit/webhook');
    expect(said).toContain('APIkey');
    expect(said).toContain('cloud.livekit.io');
    expect(said).not.toContain('PUBLIC_URL');
  });

  it('has to be reached by LiveKit, which loopback is not', () => {
    expect(told()).toContain('http://127.0.0.1:8080/livekit/webhook');
    expect(told()).toContain('PUBLIC_URL');
    expect(told({ port: 0 })).toContain('/livekit/webhook');
  });

  it('stands in the configuration of a server of one’s own', () => {
    expect(told({}, 'wss://livekit.example.com')).toContain('livekit.yaml');
  });

  it('is nothing for the local stack, and nothing helps without an API', () => {
    expect(told({}, 'ws://127.0.0.1:7880', true)).toBe(
      'The local stack sends them to http://127.0.0.1:8080/livekit/webhook',
    );
    expect(told({ port: 0 }, 'ws://127.0.0.1:7880', true)).toContain('set PORT');
    expect(told({ enabled: false })).toContain('SERVER=off');
  });
});
