import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Agent, type buildConnector } from 'undici';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MAX_ANSWER_BYTES } from './answer_body.ts';
import { post } from './post.ts';

let server: Server;
let answer: RequestListener;
let agent: Agent;
beforeEach(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => answer(request, response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  agent = new Agent({ connections: 1, headersTimeout: 0, bodyTimeout: 0 });
});
afterEach(async () => {
  await agent.destroy();
  server.closeAllConnections();
  server.close();
});

const never = () => new AbortController().signal;
function send({ deadlineMs = 10_000, signal = never(), dispatcher = agent } = {}) {
  const { port } = server.address() as AddressInfo;
  const url = new URL(`http://127.0.0.1:${port}/hook?tenant=7`);
  return post(dispatcher, {
    url,
    headers: { 'X-Made-Up': '1' },
    body: Buffer.from('{"a":1}'),
    deadlineMs,
    signal,
  });
}

it('sends headers, path and body, and tells status, headers and body', async () => {
  const seen: unknown[] = [];
  answer = ({ method, url, headers }, response) => {
    seen.push(method, url, headers['x-made-up'], headers['content-length']);
    response.writeHead(202, { 'Retry-After': '7' });
    response.end('taken');
  };
  const { status, headers, text } = await send();
  expect([status, headers['retry-after'], text]).toEqual([202, '7', 'taken']);
  expect(seen).toEqual(['POST', '/hook?tenant=7', '1', '7']);
});

it('keeps the connection for the next one', async () => {
  const ports = new Set<number | undefined>();
  answer = ({ socket }, response) => {
    ports.add(socket.remotePort);
    response.end('ok');
  };
  for (let i = 0; i < 3; i++) await send();
  expect(ports.size).toBe(1);
});

it('reads no more than 4 KB of a body without an end, and hangs up', async () => {
  const closed = Promise.withResolvers<void>();
  answer = (_request, response) => {
    const more = () => {
      while (response.write('x'.repeat(1024)));
    };
    response.on('drain', more).on('close', closed.resolve);
    more();
  };
  expect((await send()).text).toHaveLength(MAX_ANSWER_BYTES);
  await closed.promise;
});

it.each([
  ['breaks off', 10_000],
  ['does not go on until the deadline', 100],
])('keeps the status and what there was of a body that %s', async (how, deadlineMs) => {
  answer = (_request, response) => {
    response.writeHead(200);
    response.write('half an', () => {
      if (how === 'breaks off') response.destroy();
    });
  };
  expect(await send({ deadlineMs })).toMatchObject({ status: 200, text: 'half an' });
});

it('is not satisfied by an answer that announces another', async () => {
  answer = (_request, response) => {
    response.writeEarlyHints({ link: '</made-up>; rel=preload' });
    response.end('the answer');
  };
  expect(await send()).toMatchObject({ status: 200, text: 'the answer' });
});

it('gives up at its deadline and drops the connection', async () => {
  const closed = Promise.withResolvers<void>();
  answer = (_request, response) => void response.on('close', closed.resolve);
  await expect(send({ deadlineMs: 50 })).rejects.toMatchObject({ code: 'DELIVERY_TIMEOUT' });
  await closed.promise;
});

it('gives up where no connection comes about, and nothing is sent later', async () => {
  let requests = 0;
  answer = (_request, response) => {
    requests += 1;
    response.end();
  };
  const released = Promise.withResolvers<void>();
  const slow = new Agent({
    connections: 1,
    connect: (options: buildConnector.Options, callback: buildConnector.Callback) => {
      const socket = connect(Number(options.port), options.hostname);
      void released.promise.then(() => callback(null, socket));
    },
  });
  await expect(send({ deadlineMs: 50, dispatcher: slow })).rejects.toMatchObject({
    code: 'DELIVERY_TIMEOUT',
  });
  released.resolve();
  expect((await send({ dispatcher: slow })).status).toBe(200);
  expect(requests).toBe(1);
  await slow.destroy();
});

it('ends when it is told to', async () => {
  answer = () => {};
  const controller = new AbortController();
  const sent = send({ signal: controller.signal });
  controller.abort(new Error('shutting down'));
  await expect(sent).rejects.toThrow('shutting down');
  await expect(send({ signal: controller.signal })).rejects.toThrow('shutting down');
});

it('says what went wrong without an answer', async () => {
  answer = (request) => void request.socket.destroy();
  await expect(send()).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' });
});
