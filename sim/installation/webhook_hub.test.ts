import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { routeWebhooks, WebhookHub } from './webhook_hub.ts';

async function worker(port = 0) {
  const got: string[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    got.push(`${request.headers['content-type']} ${request.headers.authorization} ${body}`);
    response.end();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  onTestFinished(() => (server.listening ? close() : undefined));
  const { port: taken } = server.address() as AddressInfo;
  return { got, close, port: taken, url: `http://127.0.0.1:${taken}` };
}

it('a hub passes webhooks on as they came, to everybody, also to whoever was away', async () => {
  const hub = await WebhookHub.start();
  onTestFinished(() => hub.close());
  const send = (body: string) => {
    const headers = { 'content-type': 'application/webhook+json', authorization: 'token' };
    return fetch(hub.webhookUrl, { method: 'POST', headers, body });
  };
  const as = (...bodies: string[]) =>
    bodies.map((body) => `application/webhook+json token ${body}`);
  const [one, away] = [await worker(), await worker()];
  await send('before anybody was there');
  await routeWebhooks(hub.url, 'one', one.url);
  await routeWebhooks(hub.url, 'away', away.url);
  await away.close();
  for (const body of ['1', '2', '3']) expect((await send(body)).status).toBe(200);
  await vi.waitFor(() => expect(one.got).toEqual(as('1', '2', '3')));

  const back = await worker();
  await routeWebhooks(hub.url, 'away', back.url);
  await vi.waitFor(() => expect(back.got).toEqual(as('1', '2', '3')));

  await routeWebhooks(hub.url, 'one', null);
  await send('4');
  await vi.waitFor(() => expect(back.got).toHaveLength(4));
  expect(one.got).toHaveLength(3);
});
