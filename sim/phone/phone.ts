import { randomUUID } from 'node:crypto';
import { CallwireError } from '../../src/errors.ts';
import { ALLOW, type Call } from './call.ts';
import { CallMedia } from './call_media.ts';
import { RFC3261_TIMERS, type SipTimers } from './client_transaction.ts';
import { Dialog, newTag } from './dialog.ts';
import { type Credentials, LoginDesk } from './digest.ts';
import { IncomingCall } from './incoming_call.ts';
import { OutgoingCall } from './outgoing_call.ts';
import type { ServerTransaction } from './server_transaction.ts';
import type { SipHeaders } from './sip_headers.ts';
import { responseTo } from './sip_message.ts';
import { SipTransport, type WireMessage } from './sip_transport.ts';
import { type Endpoint, parseNameAddr, userOf } from './sip_uri.ts';

/** An INVITE that would begin a call; one that is repeated by a timer counts once. */
export interface ReceivedInvite {
  /** `performance.now()` */
  at: number;
  callId: string;
  /** The dialled number. */
  number: string;
  from: string;
  headers: SipHeaders;
  /** It had no valid login, was answered 407, and the caller may try again in the same call. */
  challenged: boolean;
}

export interface PhoneOptions {
  /** The IPv4 address to bind, as a literal; it also stands in our SDP. */
  host: string;
  /** 0 takes any free port. */
  port: number;
  number: string;
  /** Takes calls; without it callers hear 480. */
  onCall?: (call: IncomingCall) => void;
  /** Asked of callers with 407, as a trunk does. */
  login?: Credentials;
  /** (Default: RFC 3261's: T1 500 ms, T2 4 s, T4 5 s) */
  timers?: Partial<SipTimers>;
  /** Sees every SIP message with its time. */
  onWire?: (wire: WireMessage) => void;
}

/**
 * A SIP phone for tests, the demo and the bench: UDP SIP (RFC 3261), PCMU over RTP (RFC 3550,
 * 3551), keys as telephone-events (RFC 4733), transfer by REFER (RFC 3515), all times on one clock.
 *
 * Why our own: sipp can neither record nor tell who is heard when; LiveKit's siptest client
 * accepts every REFER and cannot CANCEL; both hide when each packet arrived, and that is what
 * response times and barge-in are measured by.
 *
 * @example
 * const phone = await Phone.open({ host: '127.0.0.1', port: 0, number: '+15550100001' });
 * const call = await phone.dial({ proxy: { host: '127.0.0.1', port: 5060 }, to: '+15550100000' });
 * await call.answered();
 * await call.heard.waitForSound();
 * await call.play(babble(1500));
 * await call.hangUp();
 * await phone.close();
 */
export class Phone {
  readonly number: string;
  /** Every INVITE so far, in the order of arrival. */
  readonly invites: ReceivedInvite[] = [];
  readonly #transport: SipTransport;
  readonly #onCall: ((call: IncomingCall) => void) | undefined;
  readonly #desk: LoginDesk | undefined;
  readonly #calls = new Map<string, Call>();
  /** Calls whose RTP port is being opened, by Call-ID. */
  readonly #arriving = new Map<string, Promise<void>>();
  /** Call-IDs that get no answer any more, not even a 481. */
  readonly #vanished = new Set<string>();

  private constructor(options: PhoneOptions, transport: SipTransport) {
    this.number = options.number;
    this.#transport = transport;
    this.#onCall = options.onCall;
    this.#desk = options.login && new LoginDesk(options.login);
  }

  static async open(options: PhoneOptions): Promise<Phone> {
    // The transport exists before the phone that answers its requests.
    let receive: (transaction: ServerTransaction) => void = () => {};
    const transport = await SipTransport.open({
      host: options.host,
      port: options.port,
      timers: { ...RFC3261_TIMERS, ...options.timers },
      onRequest: (transaction) => receive(transaction),
      onWire: options.onWire,
    });
    const phone = new Phone(options, transport);
    receive = (transaction) => phone.#receive(transaction);
    return phone;
  }

  /** Our SIP address. */
  get local(): Endpoint {
    return this.#transport.local;
  }

  /** Returns as soon as the INVITE is sent. Throws PHONE_BAD_SIP_HEADER. */
  async dial(options: {
    /** Where the INVITE goes. */
    proxy: Endpoint;
    to: string;
    /** (Default: the phone's number) */
    from?: string;
    /** Withholds the number (RFC 3323 4.1.1.3). */
    anonymous?: boolean;
    headers?: Record<string, string>;
    /** For 401 and 407. */
    auth?: Credentials;
    /** Aborting it ends the call, whatever its state. */
    signal?: AbortSignal;
  }): Promise<OutgoingCall> {
    options.signal?.throwIfAborted();
    const { host, port } = this.local;
    const user = options.anonymous ? 'anonymous' : (options.from ?? this.number);
    if (/[\s<>"@;]/.test(options.to + user)) {
      throw new CallwireError('PHONE_BAD_NUMBER', 'a number may hold no SIP punctuation');
    }
    const media = await CallMedia.open(host);
    const dialog = new Dialog({
      callId: `${randomUUID()}@${host}`,
      local: options.anonymous
        ? '"Anonymous" <sip:anonymous@anonymous.invalid>'
        : `<sip:${user}@${host}:${port}>`,
      remote: `<sip:${options.to}@${options.proxy.host}>`,
      target: `sip:${options.to}@${options.proxy.host}:${options.proxy.port}`,
      contact: `<sip:${user}@${host}:${port}>`,
      proxy: options.proxy,
      newVia: () => this.#transport.newVia(),
    });
    const onAbort = (): void => void call.hangUp().catch(() => {});
    const call: OutgoingCall = new OutgoingCall({
      transport: this.#transport,
      dialog,
      media,
      auth: options.auth,
      onEnded: ({ vanished }) => {
        this.#forget(call, vanished);
        options.signal?.removeEventListener('abort', onAbort);
      },
    });
    this.#calls.set(call.id, call);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      call.start(Object.entries(options.headers ?? {}));
    } catch (error) {
      call.vanish();
      throw error;
    }
    if (options.signal?.aborted) onAbort(); // while the RTP port was being opened
    return call;
  }

  /** Hangs up what still runs, waits 2 s at most for the answers, closes the sockets. */
  async close(): Promise<void> {
    const calls = [...this.#calls.values()];
    await Promise.allSettled(calls.map((call) => call.hangUp(undefined, 2000)));
    for (const call of calls) call.vanish();
    this.#transport.close();
  }

  #receive(transaction: ServerTransaction): void {
    const { request } = transaction;
    const callId = request.headers.get('Call-ID')!;
    if (this.#vanished.has(callId)) return;
    const call = this.#calls.get(callId);
    if (call) {
      call.receive(transaction);
      return;
    }
    const arriving = this.#arriving.get(callId);
    if (arriving) {
      void arriving.then(() => this.#receive(transaction));
      return;
    }
    const newCall = !/;\s*tag=/i.test(request.headers.get('To')!);
    if (request.method === 'INVITE' && newCall) {
      this.#receiveInvite(transaction);
      return;
    }
    const status = request.method === 'OPTIONS' ? 200 : 481;
    const headers: Array<[string, string]> = [['Allow', ALLOW]];
    transaction.respond(responseTo(request, status, { toTag: newTag(), headers }));
  }

  #receiveInvite(transaction: ServerTransaction): void {
    const { request } = transaction;
    const callId = request.headers.get('Call-ID')!;
    const authorization = request.headers.get('Proxy-Authorization');
    const challenged = this.#desk?.admits(authorization, 'INVITE') === false;
    this.invites.push({
      at: performance.now(),
      callId,
      number: userOf(request.uri),
      from: userOf(parseNameAddr(request.headers.get('From')!).uri),
      headers: request.headers,
      challenged,
    });
    const refuse = (status: number, headers: Array<[string, string]> = []): void =>
      transaction.respond(responseTo(request, status, { toTag: newTag(), headers }));
    if (challenged) {
      refuse(407, [['Proxy-Authenticate', this.#desk!.challenge()]]);
    } else if (!this.#onCall) {
      refuse(480);
    } else {
      transaction.respond(responseTo(request, 100));
      const arrived = this.#arrive(transaction, this.#onCall).catch(() => refuse(488));
      this.#arriving.set(
        callId,
        arrived.finally(() => this.#arriving.delete(callId)),
      );
    }
  }

  /** Rejects where their Contact or their SDP is of no use to us. */
  async #arrive(
    transaction: ServerTransaction,
    onCall: (call: IncomingCall) => void,
  ): Promise<void> {
    const { request } = transaction;
    const { host, port } = this.local;
    const dialog = Dialog.invited(request, {
      contact: `<sip:${userOf(request.uri)}@${host}:${port}>`,
      newVia: () => this.#transport.newVia(),
    });
    const media = await CallMedia.open(host);
    try {
      if (request.body) media.connect(request.body);
    } catch (error) {
      media.close();
      throw error;
    }
    const parts = {
      transport: this.#transport,
      dialog,
      media,
      auth: undefined,
      onEnded: ({ vanished }: { vanished: boolean }) => this.#forget(call, vanished),
    };
    const call: IncomingCall = new IncomingCall(parts, transaction);
    this.#calls.set(call.id, call);
    onCall(call);
  }

  #forget(call: Call, vanished: boolean): void {
    this.#calls.delete(call.id);
    if (vanished) this.#vanished.add(call.id);
  }
}
