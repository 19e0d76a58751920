import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrmBackend } from '../../sim/crm/crm_backend.ts';
import type { ClaimedJob } from '../store/store.ts';
import type { Destination } from './endpoint.ts';
import { ConnectProxy } from './testing/connect_proxy.ts';
import { eventBody } from './testing/memory_jobs.ts';
import { WebhookHandler, type WebhookHandlerOptions } from './webhook_handler.ts';

const SECRET = 'made-up-secret';
const NOW = Date.now();
const PUBLIC = '93.184.216.34';

let backend: CrmBackend;
let proxy: ConnectProxy;
let proxyUrl: string;
let handlers: WebhookHandler[] = [];

beforeEach(async () => {
  backend = new CrmBackend({ secret: SECRET });
  proxy = new ConnectProxy(Number(new URL((await backend.start()).url).port));
  proxyUrl = await proxy.start();
});
afterEach(async () => {
  await Promise.all(handlers.map((handler) => handler.close()));
  handlers = [];
  await proxy.stop();
  await backend.stop();
});

const job: ClaimedJob = {
  id: 'dlv_1',
  claimId: 'claim',
  kind: 'webhook',
  target: 'whe_1',
  attempt: 1,
  refusals: 0,
  callId: 'call_1',
  createdAt: 0,
  event: { id: 'evt_1', type: 'call.ended', body: eventBody('call.ended') },
  body: {},
};

/** A handler of one endpoint, whose name leads to `address`. */
function makeHandler(
  url: string,
  reach: 'operator' | 'guarded',
  address = PUBLIC,
  options: Partial<WebhookHandlerOptions> = {},
) {
  const destination: Destination = {
    status: 'ready',
    url: new URL(url),
    secrets: { current: SECRET },
    families: ['standard', 'timestamped'],
    reach,
  };
  const handler = new WebhookHandler({
    endpoints: (id) => ({ id, destination: () => destination }),
    proxy: proxyUrl,
    resolve: () => Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }]),
    clock: () => NOW,
    holdMs: 500,
    ...options,
  });
  handlers.push(handler);
  return handler;
}
const attempt = (handler: WebhookHandler) => handler.attempt(job, new AbortController().signal);
const HELD = { kind: 'hold', untilMs: NOW + 500 };

describe('a delivery through the proxy', () => {
  it('reaches the endpoint by its address, which was judged, not by its name', async () => {
    const outcome = await attempt(makeHandler('http://backend.example/webhook', 'operator'));
    expect(outcome).toMatchObject({ attempt: { status: 200 }, verdict: { kind: 'success' } });
    expect(proxy.asked).toEqual([{ authority: `${PUBLIC}:80`, login: undefined }]);
    expect(backend.received).toMatchObject([{ path: '/webhook' }]);
  });

  it('speaks TLS with the endpoint, under its name', async () => {
    await attempt(makeHandler('https://backend.example/webhook', 'guarded'));
    expect(proxy.asked).toMatchObject([{ authority: `${PUBLIC}:443` }]);
    const [hello] = proxy.said;
    const HANDSHAKE = 0x16;
    expect(hello?.[0]).toBe(HANDSHAKE);
    expect(hello?.includes('backend.example')).toBe(true);
  });

  it('names an IPv6 address in brackets, and logs in', async () => {
    const withLogin = proxyUrl.replace('//', '//user:p%40ss@');
    const options = { proxy: withLogin };
    await attempt(makeHandler('https://backend.example:8443/', 'guarded', '2606:4700::1', options));
    expect(proxy.asked).toEqual([
      {
        authority: '[2606:4700::1]:8443',
        login: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
      },
    ]);
  });

  it.each(['10.0.0.7', '169.254.169.254', '::1', '64:ff9b::a00:7'])(
    'is judged all the same: %s is out of reach',
    async (address) => {
      for (const url of ['https://backend.example/', `https://${literal(address)}/`]) {
        expect(await attempt(makeHandler(url, 'guarded', address))).toMatchObject({
          attempt: { error: 'address_refused' },
          verdict: { kind: 'retry' },
        });
      }
      expect(proxy.asked).toEqual([]);
    },
  );

  it('goes directly where the address is private and within reach', async () => {
    const port = new URL(backend.url).port;
    const allowNetworks = ['127.0.0.0/8'];
    const url = `http://backend.example:${port}/webhook`;
    const handler = makeHandler(url, 'guarded', '127.0.0.1', { allowNetworks });
    expect((await attempt(handler)).verdict.kind).toBe('success');
    expect(proxy.asked).toEqual([]);
  });
});

describe('a fault of the proxy costs the endpoint no attempt:', () => {
  it('it cannot be reached', async () => {
    await proxy.stop();
    expect(await attempt(makeHandler('https://backend.example/', 'guarded'))).toMatchObject({
      attempt: { error: 'proxy_unreachable', status: null },
      verdict: HELD,
    });
  });

  it('it hangs up', async () => {
    const rude = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(rude.address() as AddressInfo).port}`;
    const handler = makeHandler('https://backend.example/', 'guarded', PUBLIC, { proxy: url });
    expect(await attempt(handler)).toMatchObject({
      attempt: { error: 'proxy_unreachable' },
      verdict: HELD,
    });
    rude.close();
  });

  it.each([
    [407, 'proxy_auth'],
    [502, 'proxy_failed'],
  ])('it answers %i', async (status, error) => {
    proxy.status = status;
    expect(await attempt(makeHandler('https://backend.example/', 'guarded'))).toMatchObject({
      attempt: { error, status: null },
      verdict: HELD,
    });
  });
});

describe('what the proxy says of the endpoint counts:', () => {
  it.each([403, 503, 504])('it answers %i', async (status) => {
    proxy.status = status;
    expect(await attempt(makeHandler('https://backend.example/', 'guarded'))).toMatchObject({
      attempt: { error: 'proxy_refused' },
      verdict: { kind: 'retry' },
    });
  });

  it('it answers 502, and lets others through', async () => {
    const handler = makeHandler('http://backend.example/webhook', 'operator');
    expect((await attempt(handler)).verdict.kind).toBe('success');
    proxy.status = 502;
    // Connections that are still open would be used again.
    backend.behave('webhooks', { mode: 'vanish' });
    await expect
      .poll(() => attempt(handler))
      .toMatchObject({ attempt: { error: 'proxy_refused' }, verdict: { kind: 'retry' } });
  });

  it('it opened the tunnel, and the endpoint answers 502 itself', async () => {
    backend.behave('webhooks', { mode: 'status', status: 502 });
    const handler = makeHandler('http://backend.example/webhook', 'operator');
    expect(await attempt(handler)).toMatchObject({
      attempt: { error: 'status', status: 502 },
      verdict: { kind: 'retry' },
    });
  });
});

function literal(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
