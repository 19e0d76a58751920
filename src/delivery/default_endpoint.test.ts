import { describe, expect, it } from 'vitest';
import { createDefaultEndpoint, type DefaultEndpointSettings } from './default_endpoint.ts';

const settings = (over: Partial<DefaultEndpointSettings> = {}): DefaultEndpointSettings => ({
  url: 'http://10.0.0.7:9000/base/webhooks/',
  perEvent: true,
  secret: 'made-up-secret',
  ...over,
});

const destination = (value: DefaultEndpointSettings | null, type = 'call.ended') =>
  createDefaultEndpoint(() => value).destination(type);

describe('the default endpoint', () => {
  it.each([
    ['intent.recorded', 'intent'],
    ['call.ended', 'call'],
    ['crm.updated', 'crm'],
    ['delivery.exhausted', 'delivery'],
  ])('sends %s to /webhooks/%s of the CRM', (type, word) => {
    expect(destination(settings(), type)).toMatchObject({
      status: 'ready',
      url: expect.objectContaining({ href: `http://10.0.0.7:9000/base/webhooks/${word}` }),
      families: ['standard', 'timestamped', 'plain'],
    });
  });

  it('sends everything to WEBHOOK_URL as it is', () => {
    const url = 'https://backend.example/hook?tenant=7';
    expect(destination(settings({ url, perEvent: false }))).toMatchObject({
      url: expect.objectContaining({ href: url }),
    });
  });

  it.each([
    ['no_url', null],
    ['no_secret', settings({ secret: null })],
    ['no_secret', settings({ secret: '' })],
    ['invalid_secret', settings({ secret: 'whsec_short' })],
    ['invalid_url', settings({ url: 'ftp://backend.example' })],
    ['invalid_url', settings({ url: 'backend.example', perEvent: false })],
  ] as const)('holds for %s', (reason, value) => {
    expect(destination(value)).toEqual({ status: 'hold', reason });
  });

  it('asks again at each attempt', () => {
    let secret: string | null = null;
    const endpoint = createDefaultEndpoint(() => settings({ secret }));
    expect(endpoint.destination('call.ended').status).toBe('hold');
    secret = 'made-up-secret';
    expect(endpoint.destination('call.ended').status).toBe('ready');
  });
});
