import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** An HTTP proxy that keeps what it was asked for and sends every tunnel to one place. */
export class ConnectProxy {
  /** What each `CONNECT` named, with the login it came with. */
  readonly asked: { authority: string; login: string | undefined }[] = [];
  /** The first bytes of each tunnel. */
  readonly said: Buffer[] = [];
  /** Answered in place of a tunnel. */
  status = 200;
  readonly #server: Server = createServer();
  readonly #sockets = new Set<Socket>();
  readonly #upstreamPort: number;

  constructor(upstreamPort: number) {
    this.#upstreamPort = upstreamPort;
    this.#server.on('connection', (socket) => this.#keep(socket));
    this.#server.on('connect', ({ url = '', headers }, socket: Socket) => {
      this.asked.push({ authority: url, login: headers['proxy-authorization'] });
      if (this.status !== 200) {
        socket.end(`HTTP/1.1 ${this.status} No\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.once('data', (first) => this.said.push(first));
      const upstream = this.#keep(connect(this.#upstreamPort, '127.0.0.1'));
      upstream.on('close', () => socket.destroy());
      socket.on('close', () => upstream.destroy());
      socket.pipe(upstream).pipe(socket);
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
