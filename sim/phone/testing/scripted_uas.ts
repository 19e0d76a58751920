import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { encodeMulaw } from '../mulaw.ts';
import { FRAME_SAMPLES, type RtpPacket, readRtp, writeRtp } from '../rtp.ts';
import { writeSdp } from '../sdp.ts';
import { SipHeaders } from '../sip_headers.ts';
import {
  cseqOf,
  parseMessage,
  responseTo,
  type SipRequest,
  type SipResponse,
  serialiseMessage,
} from '../sip_message.ts';
import { parseNameAddr } from '../sip_uri.ts';
import { waitUntil } from '../wait.ts';

export type Script = (request: SipRequest, uas: ScriptedUas) => void;

/**
 * The other end of a test call. It keeps no transactions: it sends what the script says, once,
 * and records every datagram, repetitions included, so that a test sees the phone's own timers.
 */
export class ScriptedUas {
  readonly requests: SipRequest[] = [];
  readonly responses: SipResponse[] = [];
  readonly rtp: RtpPacket[] = [];
  readonly port: number;
  readonly rtpPort: number;
  #script: Script;
  #invite: SipRequest | undefined;
  readonly #sip: Socket;
  readonly #media: Socket;
  readonly #ignored = new Map<string, number>();
  readonly #wakes = new Set<() => void>();
  #phone: RemoteInfo | undefined;
  #cseq = 0;
  #rtpSent = 0;

  private constructor(sip: Socket, media: Socket, script: Script) {
    this.#sip = sip;
    this.#media = media;
    this.#script = script;
    this.port = sip.address().port;
    this.rtpPort = media.address().port;
    sip.on('message', (bytes, from) => this.#receive(bytes, from));
    media.on('message', (bytes) => {
      const packet = readRtp(bytes);
      if (packet) this.rtp.push(packet);
      this.#wake();
    });
  }

  static async open(script: Script): Promise<ScriptedUas> {
    const sockets = [createSocket('udp4'), createSocket('udp4')] as const;
    for (const socket of sockets) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
    }
    return new ScriptedUas(...sockets, script);
  }

  get proxy(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.port };
  }

  get sdp(): string {
    return writeSdp({ host: '127.0.0.1', port: this.rtpPort, id: 1 });
  }

  get contact(): readonly [string, string] {
    return ['Contact', `<sip:agent@127.0.0.1:${this.port}>`];
  }

  /** Loses the next `times` requests of that method, as a bad network would. */
  lose(method: string, times: number): void {
    this.#ignored.set(method, times);
  }

  respond(
    request: SipRequest,
    status: number,
    headers: Array<readonly [string, string]> = [],
    body = '',
  ): void {
    const toTag = status > 100 ? 'uas-tag' : undefined;
    this.#send(responseTo(request, status, { ...(toTag ? { toTag } : {}), headers, body }));
  }

  accept(request: SipRequest, headers: Array<readonly [string, string]> = []): void {
    const fields = [this.contact, ['Content-Type', 'application/sdp'] as const, ...headers];
    this.respond(request, 200, fields, this.sdp);
  }

  /** A request in the dialog that the last INVITE began. */
  send(
    method: string,
    headers: Array<readonly [string, string]> = [],
    body = '',
    overrides: { callId?: string; toTag?: string } = {},
  ): SipRequest {
    const invite = this.#invite!;
    this.#cseq += 1;
    const from = invite.headers.get('From')!;
    const to = overrides.toTag === undefined ? from : `<sip:phone@x>;tag=${overrides.toTag}`;
    const request: SipRequest = {
      kind: 'request',
      method,
      uri: parseNameAddr(invite.headers.get('Contact')!).uri,
      headers: new SipHeaders([
        ['Via', `SIP/2.0/UDP 127.0.0.1:${this.port};branch=z9hG4bK${method}${this.#cseq}`],
        ['From', `${invite.headers.get('To')!};tag=uas-tag`],
        ['To', to],
        ['Call-ID', overrides.callId ?? invite.headers.get('Call-ID')!],
        ['CSeq', `${this.#cseq} ${method}`],
        this.contact,
        ...headers,
      ]),
      body,
    };
    this.#send(request);
    return request;
  }

  /** The ACK of the phone's 2xx to an INVITE of ours: the INVITE's number, a branch of its own. */
  acknowledge(invite: SipRequest): void {
    const { number } = cseqOf(invite);
    const replaced: Record<string, string> = {
      Via: `SIP/2.0/UDP 127.0.0.1:${this.port};branch=z9hG4bKack${number}`,
      CSeq: `${number} ACK`,
    };
    const fields = [...invite.headers].map(
      ([name, value]) => [name, replaced[name] ?? value] as const,
    );
    this.#send({ ...invite, method: 'ACK', headers: new SipHeaders(fields), body: '' });
  }

  /** Sends the same datagram once more. */
  repeat(request: SipRequest): void {
    this.#send(request);
  }

  /** Sends audio to the phone at once, without pacing: placement is by RTP timestamp. */
  speak(samples: Int16Array, options: { ssrc?: number; skipPackets?: number } = {}): void {
    const port = Number(/m=audio (\d+)/.exec(this.#invite!.body)![1]);
    this.#rtpSent += options.skipPackets ?? 0;
    for (let at = 0; at + FRAME_SAMPLES <= samples.length; at += FRAME_SAMPLES) {
      const packet: RtpPacket = {
        payloadType: 0,
        marker: false,
        sequence: 65_530 + this.#rtpSent, // wraps after six packets
        timestamp: 2 ** 32 - 800 + this.#rtpSent * FRAME_SAMPLES, // and so does this
        ssrc: options.ssrc ?? 7,
        payload: encodeMulaw(samples.subarray(at, at + FRAME_SAMPLES)),
      };
      this.#rtpSent += 1;
      this.#media.send(writeRtp(packet), port, '127.0.0.1');
    }
  }

  sendRtp(packet: RtpPacket): void {
    const port = Number(/m=audio (\d+)/.exec(this.#invite!.body)![1]);
    this.#media.send(writeRtp(packet), port, '127.0.0.1');
  }

  /** The nth (from 1) request of that method, repetitions not counted. */
  request(method: string, nth = 1): Promise<SipRequest> {
    return this.#wait(`${method} number ${nth}`, () => this.distinct(method)[nth - 1]);
  }

  /** The nth (from 1) datagram with that method, repetitions counted. */
  datagram(method: string, nth: number): Promise<SipRequest> {
    return this.#wait(`${method} datagram ${nth}`, () => this.#of(method)[nth - 1]);
  }

  /** Every request of that method so far, once each: a repetition has the same Via. */
  distinct(method: string): SipRequest[] {
    const vias = new Set<string>();
    return this.#of(method).filter(({ headers }) => {
      const via = headers.get('Via')!;
      return !vias.has(via) && vias.add(via);
    });
  }

  /** The nth (from 1) answer of the phone to that method. */
  response(method: string, nth = 1): Promise<SipResponse> {
    return this.#wait(
      `answer ${nth} to ${method}`,
      () => this.responses.filter((response) => cseqOf(response).method === method)[nth - 1],
    );
  }

  rtpMatching(what: string, match: (packets: RtpPacket[]) => boolean): Promise<true> {
    return this.#wait(what, () => (match(this.rtp) ? true : undefined));
  }

  close(): void {
    this.#sip.close();
    this.#media.close();
  }

  #of(method: string): SipRequest[] {
    return this.requests.filter((request) => request.method === method);
  }

  #send(message: SipRequest | SipResponse): void {
    this.#sip.send(serialiseMessage(message), this.#phone!.port, this.#phone!.address);
  }

  #receive(bytes: Buffer, from: RemoteInfo): void {
    this.#phone = from;
    const message = parseMessage(bytes);
    if (message.kind === 'response') {
      this.responses.push(message);
    } else {
      this.requests.push(message);
      if (message.method === 'INVITE') this.#invite = message;
      const lost = this.#ignored.get(message.method) ?? 0;
      if (lost > 0) this.#ignored.set(message.method, lost - 1);
      else this.#script(message, this);
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#wakes]) wake();
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

/** Rings, answers, and says 200 to whatever comes later. */
export const ANSWERS: Script = (request, uas) => {
  if (request.method === 'ACK') return;
  if (request.method !== 'INVITE') {
    uas.respond(request, 200);
    return;
  }
  uas.respond(request, 100);
  uas.respond(request, 180);
  uas.accept(request);
};

/** Rings until it is cancelled. */
export const RINGS: Script = (request, uas) => {
  if (request.method === 'INVITE') {
    uas.respond(request, 100);
    uas.respond(request, 180);
  }
  if (request.method === 'CANCEL') {
    uas.respond(request, 200);
    const invite = uas.requests.find(({ method }) => method === 'INVITE');
    if (invite) uas.respond(invite, 487);
  }
};
