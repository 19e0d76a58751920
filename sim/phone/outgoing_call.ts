import { CallwireError } from '../../src/errors.ts';
import { ALLOW, Call, type CallEnding, type CallParts } from './call.ts';
import type { ClientTransaction } from './client_transaction.ts';
import { cancelOf } from './dialog.ts';
import type { Credentials } from './digest.ts';
import type { SipRequest, SipResponse } from './sip_message.ts';

/**
 * One outgoing call.
 *
 *   calling ──180/183──▶ ringing ──2xx──▶ answered ──BYE, either side──▶ ended (us | them)
 *      │ │                 │                 ▲
 *      │ └──────2xx────────┼─────────────────┘
 *      └──3xx-6xx, or nothing for 64·T1 (408)┴──▶ ended (rejected)
 *
 * - 401 and 407 with credentials send the INVITE once more; the state stays.
 * - `cancel()` before any provisional answer waits for one (RFC 3261 9.1), then sends CANCEL; the
 *   487 ends the call (cancelled). A 2xx that crossed it is acknowledged and followed by BYE, and
 *   the call still ends as cancelled.
 * - RTP runs from our ACK to the end and never pauses; nothing is sent while it rings.
 */
export class OutgoingCall extends Call {
  readonly #auth: Credentials | undefined;
  #invite: { request: SipRequest; transaction: ClientTransaction } | undefined;
  /** The INVITE of now has had a provisional answer, so CANCEL may be sent. */
  #provisional = false;
  #authTried = false;
  #cancel: 'no' | 'wanted' | 'sent' = 'no';

  constructor(parts: CallParts) {
    super(parts);
    this.#auth = parts.auth;
  }

  /** Sends the INVITE. */
  start(headers: Iterable<readonly [string, string]>): void {
    const fields = [
      ['Allow', ALLOW],
      ['User-Agent', 'Callwire-Phone'],
      ...headers,
      ['Content-Type', 'application/sdp'],
    ] as Array<[string, string]>;
    this.#sendInvite(this.dialog.request('INVITE', fields, this.media.localSdp));
  }

  /** Gives up while it rings. Throws PHONE_ALREADY_ANSWERED when it is too late for that. */
  async cancel(signal?: AbortSignal, deadlineMs = 40_000): Promise<CallEnding> {
    if (this.state === 'answered') {
      throw new CallwireError('PHONE_ALREADY_ANSWERED', 'an answered call cannot be cancelled', {
        remedy: 'Use hangUp(), which ends a call in any state.',
      });
    }
    return await this.hangUp(signal, deadlineMs);
  }

  protected override giveUp(): void {
    if (this.#cancel !== 'no') return;
    this.#cancel = 'wanted';
    if (this.#provisional) this.#sendCancel();
    else this.#invite?.transaction.giveUpSoon();
  }

  protected override forget(): void {
    this.#invite?.transaction.terminate();
  }

  protected override get endOfBye(): 'us' | 'cancelled' {
    return this.#cancel === 'no' ? 'us' : 'cancelled';
  }

  #sendInvite(request: SipRequest): void {
    this.note({ what: 'invite' });
    this.#provisional = false;
    const transaction = this.transport.request(request, this.dialog.nextHop, (response) =>
      this.#receiveInviteResponse(request, response),
    );
    this.#invite = { request, transaction };
  }

  #receiveInviteResponse(request: SipRequest, response: SipResponse): void {
    const { status, reason } = response;
    if (status < 200) this.#receiveProvisional(response);
    else if (status < 300) this.#receiveAnswer(response);
    else if (this.state === 'ended') return;
    else if (this.#cancel !== 'no') this.end({ by: 'cancelled', status, reason });
    else if (!this.#retryWithAuth(request, response)) {
      this.note({ what: 'rejected', status });
      this.end({ by: 'rejected', status, reason, headers: response.headers });
    }
  }

  #receiveProvisional({ status }: SipResponse): void {
    if (this.state === 'ended') return;
    this.#provisional = true;
    if (status === 100) {
      if (!this.timeline.some(({ what }) => what === 'trying'))
        this.note({ what: 'trying', status });
    } else if (this.state === 'calling') {
      this.becomes('ringing', status);
    }
    if (this.#cancel === 'wanted') this.#sendCancel();
  }

  #receiveAnswer(response: SipResponse): void {
    const first = !this.wasAnswered && this.state !== 'ended';
    if (first) this.dialog.establish(response);
    // Each repeated 2xx says that an ACK was lost (RFC 3261 13.2.2.4).
    this.transport.send(this.dialog.ack(response), this.dialog.nextHop);
    if (!first) return;
    this.becomes('answered', response.status);
    if (this.#cancel !== 'no') {
      this.sendBye();
      return;
    }
    try {
      this.media.connect(response.body);
      this.media.sender.start();
    } catch {
      this.sendBye('no PCMU in their SDP');
    }
  }

  #retryWithAuth(request: SipRequest, response: SipResponse): boolean {
    if (response.status !== 401 && response.status !== 407) return false;
    if (!this.#auth || this.#authTried) return false;
    const again = this.dialog.authorized(request, response, this.#auth);
    if (!again) return false;
    this.#authTried = true;
    this.#sendInvite(again);
    return true;
  }

  #sendCancel(): void {
    if (!this.#invite) return;
    this.#cancel = 'sent';
    this.note({ what: 'cancelled' });
    this.#invite.transaction.giveUpSoon();
    void this.transport.transact(cancelOf(this.#invite.request), this.dialog.nextHop);
  }
}
