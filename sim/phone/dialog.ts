import { randomBytes } from 'node:crypto';
import { authorize, type Credentials } from './digest.ts';
import { SipHeaders } from './sip_headers.ts';
import { cseqOf, type SipRequest, type SipResponse } from './sip_message.ts';
import { type Endpoint, endpointOf, parseNameAddr } from './sip_uri.ts';

/**
 * What both ends of a call remember (RFC 3261 12): tags, the remote target, the route, our CSeq.
 * Only loose routing; strict routers died with RFC 2543. One dialog for an INVITE: a second
 * 2xx from a forking proxy would need another, and nothing this phone dials forks.
 */
export class Dialog {
  readonly callId: string;
  readonly localTag = newTag();
  readonly #local: string;
  /** Our own Contact, for answers that need one. */
  readonly contact: string;
  readonly #newVia: () => string;
  readonly #proxy: Endpoint;
  #remote: string;
  #target: string;
  #routes: string[] = [];
  #cseq = 0;
  #established = false;

  constructor(options: {
    callId: string;
    /** Our name-addr, without a tag. */
    local: string;
    /** Theirs, with the tag where it is known. */
    remote: string;
    target: string;
    contact: string;
    /** Where everything goes until the far end has given its Contact. */
    proxy: Endpoint;
    newVia: () => string;
  }) {
    this.callId = options.callId;
    this.#local = `${options.local};tag=${this.localTag}`;
    this.#remote = options.remote;
    this.#target = options.target;
    this.contact = options.contact;
    this.#proxy = options.proxy;
    this.#newVia = options.newVia;
  }

  /**
   * The dialog that an INVITE of theirs asks for (RFC 3261 12.1.1). Throws PHONE_BAD_SIP_URI where
   * its Contact names nobody we could write to.
   */
  static invited(invite: SipRequest, options: { contact: string; newVia: () => string }): Dialog {
    const target = parseNameAddr(invite.headers.all('Contact')[0] ?? '').uri;
    const dialog = new Dialog({
      callId: invite.headers.get('Call-ID')!,
      local: invite.headers.get('To')!,
      remote: invite.headers.get('From')!,
      target,
      proxy: endpointOf(target),
      ...options,
    });
    dialog.#routes = invite.headers.all('Record-Route');
    dialog.#established = true;
    return dialog;
  }

  get nextHop(): Endpoint {
    if (!this.#established) return this.#proxy;
    const route = this.#routes[0];
    return endpointOf(route ? parseNameAddr(route).uri : this.#target);
  }

  /** Takes tag, route and target from the 2xx that makes the dialog (RFC 3261 12.1.2). */
  establish(response: SipResponse): void {
    this.#remote = response.headers.get('To')!;
    this.#routes = response.headers.all('Record-Route').reverse();
    this.retarget(response);
  }

  /** Follows a new Contact (RFC 3261 12.2); one without any leaves the target as it is. */
  retarget(message: SipRequest | SipResponse): void {
    const contact = message.headers.all('Contact')[0];
    if (!contact) return;
    this.#target = parseNameAddr(contact).uri;
    this.#established = true;
  }

  request(method: string, extra: Iterable<readonly [string, string]> = [], body = ''): SipRequest {
    this.#cseq += 1;
    return this.#build(method, this.#cseq, extra, body);
  }

  ack(response: SipResponse): SipRequest {
    return this.#build('ACK', cseqOf(response).number, [], '');
  }

  /** The same request once more with the answer to its 401 or 407, where we have one. */
  authorized(
    request: SipRequest,
    challenge: SipResponse,
    credentials: Credentials,
  ): SipRequest | undefined {
    const proxy = challenge.status === 407;
    const value = authorize({
      challenges: challenge.headers.all(proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate'),
      credentials,
      method: request.method,
      uri: request.uri,
    });
    if (!value) return undefined;
    const own = new Set([
      'via',
      'max-forwards',
      'from',
      'to',
      'call-id',
      'cseq',
      'contact',
      'route',
    ]);
    const extra = [...request.headers].filter(([name]) => !own.has(name.toLowerCase()));
    extra.push([proxy ? 'Proxy-Authorization' : 'Authorization', value]);
    return this.request(request.method, extra, request.body);
  }

  #build(
    method: string,
    cseq: number,
    extra: Iterable<readonly [string, string]>,
    body: string,
  ): SipRequest {
    const headers = new SipHeaders([
      ['Via', this.#newVia()],
      ['Max-Forwards', '70'],
      ['From', this.#local],
      ['To', this.#remote],
      ['Call-ID', this.callId],
      ['CSeq', `${cseq} ${method}`],
      ['Contact', this.contact],
    ]);
    for (const route of this.#routes) headers.add('Route', route);
    for (const [name, value] of extra) headers.add(name, value);
    return { kind: 'request', method, uri: this.#target, headers, body };
  }
}

export function newTag(): string {
  return randomBytes(6).toString('hex');
}

/** CANCEL repeats the INVITE it stops, Via and all, so that every hop finds it (RFC 3261 9.1). */
export function cancelOf(invite: SipRequest): SipRequest {
  const kept = ['Via', 'Max-Forwards', 'From', 'To', 'Call-ID'];
  const headers = new SipHeaders(kept.map((name) => [name, invite.headers.get(name)!] as const));
  headers.add('CSeq', `${cseqOf(invite).number} CANCEL`);
  for (const route of invite.headers.all('Route')) headers.add('Route', route);
  return { kind: 'request', method: 'CANCEL', uri: invite.uri, headers, body: '' };
}
