import { CallwireError } from '../../src/errors.ts';
import { ALLOW, Call, type CallParts } from './call.ts';
import type { ServerTransaction } from './server_transaction.ts';
import { responseTo, type SipRequest } from './sip_message.ts';
import { parseNameAddr, parseVia, userOf } from './sip_uri.ts';

/**
 * One incoming call.
 *
 *   calling ──ring()──▶ ringing ──answer()──▶ answered ──BYE, either side──▶ ended (us | them)
 *      │ │                 │                    ▲
 *      │ └────answer()─────┼────────────────────┘
 *      │                   ├──reject(status)──▶ ended (rejected)
 *      └───────────────────┴──their CANCEL, answered 487──▶ ended (cancelled)
 *
 * - Nothing happens by itself: a phone that nobody tells to ring leaves its caller without a sound.
 * - RTP runs from `answer()`, or from `ring({ earlyMedia: true })`, to the end.
 * - Our BYE waits for the ACK of our 2xx (RFC 3261 15); when none comes for 64·T1 the call is
 *   hung up by us (13.3.1.4).
 * - `hangUp()` before the answer rejects with 480.
 */
export class IncomingCall extends Call {
  /** The dialled number: the user of the Request-URI. */
  readonly number: string;
  /** The caller's number: the user of From. */
  readonly from: string;
  readonly invite: SipRequest;
  readonly #transaction: ServerTransaction;
  #finalSent = false;

  constructor(parts: CallParts, transaction: ServerTransaction) {
    super(parts);
    this.#transaction = transaction;
    this.invite = transaction.request;
    this.number = userOf(this.invite.uri);
    this.from = userOf(parseNameAddr(this.invite.headers.get('From')!).uri);
    this.note({ what: 'invite' });
  }

  /** Rings: 180, or 183 with our SDP, after which `play` is heard before the answer. */
  ring({ earlyMedia = false }: { earlyMedia?: boolean } = {}): void {
    if (this.#finalSent) return;
    if (earlyMedia) {
      this.#respond(183, [['Content-Type', 'application/sdp']], this.media.localSdp);
      this.media.sender.start();
    } else {
      this.#respond(180);
    }
    if (this.state === 'calling') this.becomes('ringing', earlyMedia ? 183 : 180);
  }

  /** Throws PHONE_ALREADY_ENDED where the caller was faster. */
  answer(headers: Iterable<readonly [string, string]> = []): void {
    if (this.#finalSent) {
      throw new CallwireError('PHONE_ALREADY_ENDED', 'this call cannot be answered any more');
    }
    this.#finalSent = true;
    const fields = [['Content-Type', 'application/sdp'] as const, ...headers];
    this.#respond(200, fields, this.media.localSdp);
    this.becomes('answered', 200);
    this.media.sender.start();
    void this.#transaction.acknowledged.then((ack) => {
      if (!ack) this.sendBye('no ACK');
      else if (!this.invite.body) this.#receiveLateAnswer(ack);
    });
  }

  /** Refuses with a status from 300 on. */
  reject(status: number, headers: Iterable<readonly [string, string]> = []): void {
    if (this.#finalSent) return;
    this.#finalSent = true;
    this.#respond(status, headers);
    this.note({ what: 'rejected', status });
    this.end({ by: 'rejected', status });
  }

  override receive(transaction: ServerTransaction): void {
    if (transaction.request.method === 'CANCEL') this.#receiveCancel(transaction);
    else super.receive(transaction);
  }

  protected override giveUp(): void {
    this.reject(480);
  }

  protected override forget(): void {
    this.#finalSent = true;
    this.#transaction.terminate();
  }

  protected override get endOfBye(): 'us' {
    return 'us';
  }

  protected override readyForBye(): Promise<unknown> {
    return this.#transaction.acknowledged;
  }

  /** An INVITE without an offer takes ours, and its ACK answers it (RFC 3264 4). */
  #receiveLateAnswer(ack: SipRequest): void {
    try {
      this.media.connect(ack.body);
    } catch {
      this.sendBye('no PCMU in their SDP');
    }
  }

  /** It stops the INVITE of its own branch; after our final answer it changes nothing (9.2). */
  #receiveCancel(transaction: ServerTransaction): void {
    const toTag = this.dialog.localTag;
    const same = branchOf(transaction.request) === branchOf(this.invite);
    transaction.respond(responseTo(transaction.request, same ? 200 : 481, { toTag }));
    if (!same || this.#finalSent) return;
    this.#finalSent = true;
    this.#respond(487);
    this.note({ what: 'cancelled' });
    this.end({ by: 'cancelled', status: 487, headers: transaction.request.headers });
  }

  #respond(status: number, headers: Iterable<readonly [string, string]> = [], body = ''): void {
    const fields: Array<readonly [string, string]> = [
      ['Contact', this.dialog.contact],
      ['Allow', ALLOW],
      ...headers,
    ];
    const toTag = this.dialog.localTag;
    this.#transaction.respond(responseTo(this.invite, status, { toTag, headers: fields, body }));
  }
}

function branchOf(request: SipRequest): string | undefined {
  return parseVia(request.headers.all('Via')[0] ?? '').params.get('branch');
}
