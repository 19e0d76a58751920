import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { becomesHealthy, redisAnswers, sipAnswers } from './health.ts';

const open: (Server | Socket)[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function tcpServer(answer: string): Promise<number> {
  const server = createServer((socket) => socket.on('data', () => socket.end(answer)));
  open.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

async function udpServer(answer: (request: string) => string | null): Promise<number> {
  const socket = createSocket('udp4');
  open.push(socket);
  socket.on('message', (request, { port, address }) => {
    const text = answer(request.toString());
    if (text) socket.send(text, port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket.address().port;
}

describe('health', () => {
  it('of redis is its PONG', async () => {
    expect(await redisAnswers(await tcpServer('+PONG\r\n'))()).toBe(true);
    expect(await redisAnswers(await tcpServer('-LOADING\r\n'))()).toBe(false);
  });

  it('of livekit-sip is its answer to OPTIONS', async () => {
    const port = await udpServer((request) =>
      request.startsWith('OPTIONS sip:127.0.0.1:') && request.endsWith('\r\n\r\n')
        ? 'SIP/2.0 200 OK\r\n\r\n'
        : null,
    );
    expect(await sipAnswers(port)()).toBe(true);
    expect(await sipAnswers(await udpServer(() => 'SIP/2.0 503 No\r\n\r\n'))()).toBe(false);
  });

  it('is none where nobody listens', async () => {
    const port = await udpServer(() => null);
    for (const socket of open.splice(0)) socket.close();
    expect(await sipAnswers(port)()).toBe(false);
    expect(await redisAnswers(port)()).toBe(false);
  });

  it('is asked for again until it is there', async () => {
    let asked = 0;
    const check = () => Promise.resolve(++asked === 3);
    const signal = new AbortController().signal;
    expect(await becomesHealthy(check, { timeoutMs: 10_000, signal })).toBe(true);
    expect(asked).toBe(3);
  });

  it('is given up when the time is over or the wait is', async () => {
    const check = () => Promise.resolve(false);
    const signal = new AbortController().signal;
    expect(await becomesHealthy(check, { timeoutMs: 1, signal })).toBe(false);
    await expect(
      becomesHealthy(check, { timeoutMs: 10_000, signal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow('enough');
  });
});
