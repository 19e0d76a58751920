import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';

export interface AskedHook {
  path: string;
  headers: IncomingMessage['headers'];
  /** The raw bytes, as they were signed. */
  raw: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of a body
  body: any;
}

/** A backend that is asked; `answer` may do with each request what a real one would. */
export interface BackendServer extends AsyncDisposable {
  url: string;
  asked: AskedHook[];
}

export async function backendServer(
  answer: (response: ServerResponse, asked: AskedHook) => void,
): Promise<BackendServer> {
  const asked: AskedHook[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const { url: path = '', headers } = request;
    const one = {
      path,
      headers,
      raw,
      body: raw.length > 0 ? JSON.parse(raw.toString('utf8')) : null,
    };
    asked.push(one);
    answer(response, one);
  });
  const close = () => server.closeAllConnections();
  return { asked, ...(await listening(server, close)) };
}

/** Speaks bytes instead of HTTP: what it says comes behind the whole request. */
export async function rawBackend(answer: string): Promise<{ url: string } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(answer));
  });
  return await listening(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

async function listening(
  server: Server,
  close: () => void,
): Promise<{ url: string } & AsyncDisposable> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => {
      const closed = once(server, 'close');
      server.close();
      close();
      return closed.then(() => undefined);
    },
  };
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
