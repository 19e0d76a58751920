import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeSdp } from '../sdp.ts';
import { SipHeaders } from '../sip_headers.ts';
import {
  cseqOf,
  parseMessage,
  type SipRequest,
  type SipResponse,
  serialiseMessage,
} from '../sip_message.ts';
import type { Endpoint } from '../sip_uri.ts';
import { waitUntil } from '../wait.ts';

/**
 * A caller without transactions and timers, the counterpart of ScriptedUas: it sends one datagram
 * at a time and records every one that comes, repetitions included.
 */
export class RawCaller {
  readonly responses: SipResponse[] = [];
  readonly requests: SipRequest[] = [];
  readonly #socket: Socket;
  readonly #callee: Endpoint;
  readonly #wakes = new Set<() => void>();

  private constructor(socket: Socket, callee: Endpoint) {
    this.#socket = socket;
    this.#callee = callee;
    socket.on('message', (bytes) => {
      const message = parseMessage(bytes);
      if (message.kind === 'response') this.responses.push(message);
      else this.requests.push(message);
      for (const wake of [...this.#wakes]) wake();
    });
  }

  static async open(callee: Endpoint): Promise<RawCaller> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new RawCaller(socket, callee);
  }

  get sdp(): string {
    return writeSdp({ host: '127.0.0.1', port: 40_000, id: 1 });
  }

  /** An INVITE of a new call. */
  invite(body = this.sdp): SipRequest {
    const { port } = this.#socket.address();
    return this.send({
      kind: 'request',
      method: 'INVITE',
      uri: `sip:+15550100200@127.0.0.1:${this.#callee.port}`,
      headers: new SipHeaders([
        ['Via', `SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bKinvite`],
        ['From', '<sip:+15550100001@127.0.0.1>;tag=raw'],
        ['To', '<sip:+15550100200@127.0.0.1>'],
        ['Call-ID', 'raw-call'],
        ['CSeq', '1 INVITE'],
        ['Contact', `<sip:raw@127.0.0.1:${port}>`],
      ]),
      body,
    });
  }

  /** A request that belongs to this INVITE: its CANCEL with the same branch, or its ACK. */
  follow(
    invite: SipRequest,
    method: 'CANCEL' | 'ACK',
    changes: { branch?: string; to?: string; body?: string } = {},
  ): SipRequest {
    const { port } = this.#socket.address();
    const headers = new SipHeaders();
    for (const [name, value] of invite.headers) {
      if (name === 'Via' && changes.branch) {
        headers.add(name, `SIP/2.0/UDP 127.0.0.1:${port};branch=${changes.branch}`);
      } else if (name === 'To' && changes.to) headers.add(name, changes.to);
      else if (name === 'CSeq') headers.add(name, `${cseqOf(invite).number} ${method}`);
      else headers.add(name, value);
    }
    return this.send({ ...invite, method, headers, body: changes.body ?? '' });
  }

  send(request: SipRequest): SipRequest {
    this.#socket.send(serialiseMessage(request), this.#callee.port, this.#callee.host);
    return request;
  }

  /** The nth (from 1) datagram with that status. */
  response(status: number, nth = 1): Promise<SipResponse> {
    return this.#wait(
      `${status} number ${nth}`,
      () => this.responses.filter((response) => response.status === status)[nth - 1],
    );
  }

  request(method: string): Promise<SipRequest> {
    return this.#wait(method, () => this.requests.find((request) => request.method === method));
  }

  close(): void {
    this.#socket.close();
  }

  #wait<T>(what: string, check: () => T | undefined): Promise<T> {
    return waitUntil({
      what,
      check,
      deadlineMs: 10_000,
      signal: undefined,
      subscribe: (wake) => {
        this.#wakes.add(wake);
        return () => this.#wakes.delete(wake);
      },
    });
  }
}
