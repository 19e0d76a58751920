import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { ClientTransaction, type SipTimers } from './client_transaction.ts';
import { ServerTransaction } from './server_transaction.ts';
import {
  cseqOf,
  parseMessage,
  type SipMessage,
  type SipRequest,
  type SipResponse,
  serialiseMessage,
} from './sip_message.ts';
import { type Endpoint, parseVia } from './sip_uri.ts';

/** Begins every branch that names a transaction alone (RFC 3261 8.1.1.7). */
const MAGIC_COOKIE = 'z9hG4bK';

/** What went over the wire; `at` is `performance.now()`. */
export interface WireMessage {
  at: number;
  direction: 'in' | 'out';
  message: SipMessage;
}

/**
 * SIP over one UDP socket: matches messages to transactions (RFC 3261 17.1.3, 17.2.3) and hands
 * new requests to `onRequest`. Retransmission is the transactions' business.
 */
export class SipTransport {
  readonly #socket: Socket;
  readonly #timers: SipTimers;
  readonly #onRequest: (transaction: ServerTransaction) => void;
  readonly #onWire: ((wire: WireMessage) => void) | undefined;
  readonly #clients = new Map<string, ClientTransaction>();
  readonly #servers = new Map<string, ServerTransaction>();
  #closed = false;

  private constructor(
    socket: Socket,
    options: {
      timers: SipTimers;
      onRequest: (transaction: ServerTransaction) => void;
      onWire?: ((wire: WireMessage) => void) | undefined;
    },
  ) {
    this.#socket = socket;
    this.#timers = options.timers;
    this.#onRequest = options.onRequest;
    this.#onWire = options.onWire;
    socket.on('message', (bytes, from) => this.#receive(bytes, from));
    // A closed port of the other side comes back as an error of ours; the timers handle it.
    socket.on('error', () => {});
  }

  /** Binds the socket; port 0 takes any free one. Rejects with the system's error. */
  static async open(options: {
    host: string;
    port: number;
    timers: SipTimers;
    onRequest: (transaction: ServerTransaction) => void;
    onWire?: ((wire: WireMessage) => void) | undefined;
  }): Promise<SipTransport> {
    const socket = createSocket('udp4');
    socket.bind(options.port, options.host);
    await once(socket, 'listening');
    return new SipTransport(socket, options);
  }

  get local(): Endpoint {
    const { address, port } = this.#socket.address();
    return { host: address, port };
  }

  /** A Via with a branch of its own: each new request needs one. */
  newVia(): string {
    const { host, port } = this.local;
    const branch = `${MAGIC_COOKIE}${randomBytes(9).toString('hex')}`;
    return `SIP/2.0/UDP ${host}:${port};branch=${branch};rport`;
  }

  /** Sends without a transaction: for the ACK of a 2xx, which nothing answers. */
  send(message: SipMessage, to: Endpoint): void {
    if (this.#closed) return;
    this.#onWire?.({ at: performance.now(), direction: 'out', message });
    this.#socket.send(serialiseMessage(message), to.port, to.host, () => {});
  }

  /** Every answer comes to `onResponse`, a 408 too when none came; never an exception. */
  request(
    request: SipRequest,
    to: Endpoint,
    onResponse: (response: SipResponse) => void,
  ): ClientTransaction {
    const key = clientKey(request);
    const transaction = new ClientTransaction({
      request,
      timers: this.#timers,
      send: (message) => this.send(message, to),
      onResponse,
      onTerminated: () => this.#clients.delete(key),
    });
    this.#clients.set(key, transaction);
    transaction.start();
    return transaction;
  }

  /** For requests other than INVITE: the final answer. Ends by the transaction's own 64·T1. */
  transact(request: SipRequest, to: Endpoint): Promise<SipResponse> {
    return new Promise((resolve) => {
      this.request(request, to, (response) => {
        if (response.status >= 200) resolve(response);
      });
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const transaction of [...this.#clients.values(), ...this.#servers.values()]) {
      transaction.terminate();
    }
    this.#socket.close();
  }

  #receive(bytes: Buffer, from: RemoteInfo): void {
    if (this.#closed) return;
    let message: SipMessage;
    try {
      message = parseMessage(bytes);
    } catch {
      return; // keep-alives and noise: UDP promises nobody that an answer follows
    }
    this.#onWire?.({ at: performance.now(), direction: 'in', message });
    if (message.kind === 'response') this.#clients.get(clientKey(message))?.receive(message);
    else if (message.method === 'ACK') this.#receiveAck(message);
    else this.#receiveRequest(message, from);
  }

  #receiveRequest(request: SipRequest, from: RemoteInfo): void {
    const key = serverKey(request, request.method);
    const known = this.#servers.get(key);
    if (known) {
      known.receiveAgain();
      return;
    }
    const via = parseVia(request.headers.all('Via')[0] ?? '');
    const back = {
      host: from.address,
      port: via.params.has('rport') ? from.port : via.sentBy.port,
    };
    const transaction = new ServerTransaction({
      request,
      timers: this.#timers,
      send: (response) => this.send(response, back),
      onTerminated: () => this.#servers.delete(key),
    });
    this.#servers.set(key, transaction);
    this.#onRequest(transaction);
  }

  /** The ACK of a 2xx has a branch of its own: it is told by Call-ID and CSeq (RFC 3261 13.3.1.4). */
  #receiveAck(ack: SipRequest): void {
    const byBranch = this.#servers.get(serverKey(ack, 'INVITE'));
    if (byBranch) {
      byBranch.acknowledge(ack);
      return;
    }
    for (const transaction of this.#servers.values()) {
      const { method, headers } = transaction.request;
      const sameCall = method === 'INVITE' && headers.get('Call-ID') === ack.headers.get('Call-ID');
      if (sameCall && cseqOf(transaction.request).number === cseqOf(ack).number) {
        transaction.acknowledge(ack);
      }
    }
  }
}

function clientKey(message: SipMessage): string {
  const via = parseVia(message.headers.all('Via')[0] ?? '');
  return `${via.params.get('branch')} ${cseqOf(message).method}`;
}

function serverKey(request: SipRequest, method: string): string {
  const via = parseVia(request.headers.all('Via')[0] ?? '');
  return `${via.params.get('branch')} ${via.sentBy.host}:${via.sentBy.port} ${method}`;
}
