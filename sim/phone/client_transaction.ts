import { SipHeaders } from './sip_headers.ts';
import { cseqOf, responseTo, type SipRequest, type SipResponse } from './sip_message.ts';

/** RFC 3261's base timers in ms. T1 is the expected round trip. */
export interface SipTimers {
  t1: number;
  t2: number;
  t4: number;
}

export const RFC3261_TIMERS: SipTimers = { t1: 500, t2: 4000, t4: 5000 };

/**
 * One request of ours and its answers (RFC 3261 17.1, RFC 6026 for the accepted state).
 *
 *   trying ──1xx──▶ proceeding ──final──▶ completed ──K or D──▶ terminated
 *     │  repeated after T1, 2·T1, …        an answer that comes again gets, for INVITE, ACK again
 *     │
 *     ├──64·T1 without an answer──▶ terminated; its user sees a 408 made here (8.1.3.1)
 *     └──2xx to INVITE──▶ accepted ──64·T1──▶ terminated
 *                         every repeated 2xx goes to the user, who alone can send its ACK
 *
 * INVITE stops repeating in `proceeding` (the far end has it), other requests go on every T2.
 */
export class ClientTransaction {
  readonly request: SipRequest;
  readonly #invite: boolean;
  readonly #timers: SipTimers;
  readonly #send: (message: SipRequest) => void;
  readonly #onResponse: (response: SipResponse) => void;
  readonly #onTerminated: () => void;
  #state: 'trying' | 'proceeding' | 'completed' | 'accepted' | 'terminated' = 'trying';
  #repeat: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(options: {
    request: SipRequest;
    timers: SipTimers;
    send: (message: SipRequest) => void;
    onResponse: (response: SipResponse) => void;
    onTerminated: () => void;
  }) {
    this.request = options.request;
    this.#invite = options.request.method === 'INVITE';
    this.#timers = options.timers;
    this.#send = options.send;
    this.#onResponse = options.onResponse;
    this.#onTerminated = options.onTerminated;
  }

  start(): void {
    this.#send(this.request);
    this.#repeatAfter(this.#timers.t1);
    this.#expireAfter(64 * this.#timers.t1, () => {
      this.terminate();
      this.#onResponse(responseTo(this.request, 408));
    });
  }

  receive(response: SipResponse): void {
    const final = response.status >= 200;
    const success = final && response.status < 300;
    if (this.#state === 'accepted') {
      if (success) this.#onResponse(response);
      return;
    }
    if (this.#state === 'completed') {
      if (final && this.#invite) this.#send(this.#ack(response));
      return;
    }
    if (this.#state === 'terminated') return;

    if (!final) {
      this.#state = 'proceeding';
      if (this.#invite) {
        // A ringing phone may ring for minutes: from here the user's deadline and CANCEL decide.
        clearTimeout(this.#repeat);
        clearTimeout(this.#expiry);
      }
    } else if (this.#invite && success) {
      this.#enter('accepted', 64 * this.#timers.t1);
    } else {
      if (this.#invite) this.#send(this.#ack(response));
      this.#enter('completed', this.#invite ? 64 * this.#timers.t1 : this.#timers.t4);
    }
    this.#onResponse(response);
  }

  terminate(): void {
    if (this.#state === 'terminated') return;
    this.#state = 'terminated';
    clearTimeout(this.#repeat);
    clearTimeout(this.#expiry);
    this.#onTerminated();
  }

  /** After CANCEL an INVITE whose answer never comes is over 64·T1 later (RFC 3261 9.1). */
  giveUpSoon(): void {
    if (this.#state !== 'trying' && this.#state !== 'proceeding') return;
    this.#expireAfter(64 * this.#timers.t1, () => {
      this.terminate();
      this.#onResponse(responseTo(this.request, 487));
    });
  }

  #enter(state: 'completed' | 'accepted', lingerMs: number): void {
    this.#state = state;
    clearTimeout(this.#repeat);
    this.#expireAfter(lingerMs, () => this.terminate());
  }

  #repeatAfter(ms: number): void {
    this.#repeat = setTimeout(() => {
      this.#send(this.request);
      const proceeding = this.#state === 'proceeding';
      const next = this.#invite ? ms * 2 : Math.min(ms * 2, this.#timers.t2);
      this.#repeatAfter(proceeding ? this.#timers.t2 : next);
    }, ms);
    this.#repeat.unref();
  }

  #expireAfter(ms: number, expired: () => void): void {
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(expired, ms);
    this.#expiry.unref();
  }

  /** The ACK of a refused INVITE belongs to its transaction (RFC 3261 17.1.1.3): same Via, same URI. */
  #ack(response: SipResponse): SipRequest {
    const { headers, uri } = this.request;
    const fields: Array<[string, string]> = [
      ['Via', headers.get('Via')!],
      ['Max-Forwards', '70'],
      ['From', headers.get('From')!],
      ['To', response.headers.get('To')!],
      ['Call-ID', headers.get('Call-ID')!],
      ['CSeq', `${cseqOf(this.request).number} ACK`],
    ];
    for (const route of headers.all('Route')) fields.push(['Route', route]);
    return { kind: 'request', method: 'ACK', uri, headers: new SipHeaders(fields), body: '' };
  }
}
