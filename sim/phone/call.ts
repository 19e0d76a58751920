import { EventEmitter } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { CallwireError } from '../../src/errors.ts';
import type { CallMedia } from './call_media.ts';
import type { ClientTransaction } from './client_transaction.ts';
import { cancelOf, type Dialog } from './dialog.ts';
import type { Credentials } from './digest.ts';
import type { Heard } from './heard.ts';
import type { PcmTrack } from './pcm_track.ts';
import { ACCEPT_REFER, carryOut, type ReferPlan } from './refer.ts';
import type { Spoken } from './rtp_sender.ts';
import type { ServerTransaction } from './server_transaction.ts';
import type { SipHeaders } from './sip_headers.ts';
import { cseqOf, responseTo, type SipRequest, type SipResponse } from './sip_message.ts';
import type { SipTransport } from './sip_transport.ts';
import { parseNameAddr } from './sip_uri.ts';
import { waitUntil } from './wait.ts';
import { readWav } from './wav.ts';

export type CallState = 'calling' | 'ringing' | 'answered' | 'ended';

export interface TimelineEntry {
  /** `performance.now()`, the clock of every time in this folder. */
  at: number;
  what:
    | 'invite'
    | 'trying'
    | 'ringing'
    | 'answered'
    | 'first_audio'
    | 'bye_sent'
    | 'bye_received'
    | 'rejected'
    | 'cancelled'
    | 'refer';
  /** The SIP status received, or for `refer` the one we answered with. */
  status?: number;
  /** Of a `refer`: where they wanted us to go. */
  target?: string;
}

export interface CallEnding {
  by: 'us' | 'them' | 'rejected' | 'cancelled';
  /** The final status of a call that was never answered. */
  status?: number;
  /** The reason phrase of that status, or their BYE's Reason header. */
  reason?: string;
  /** Of the message that ended the call, where it was theirs. */
  headers?: SipHeaders;
}

/** Why `answered()` was rejected; `status` is the SIP status. */
export class CallRefusedError extends CallwireError {
  readonly status: number;

  constructor(ending: CallEnding) {
    const status = ending.status ?? 0;
    super('PHONE_CALL_REFUSED', `the call ended before an answer: ${ending.by} ${status}`);
    this.name = 'CallRefusedError';
    this.status = status;
  }
}

export const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, UPDATE, INFO';

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
export class Call {
  readonly id: string;
  readonly timeline: TimelineEntry[] = [];
  readonly heard: Heard;
  /** What we said, on the same clock as `heard.track`. */
  readonly said: PcmTrack;
  /** Decides about each REFER; accepts and reports 200 after 400 ms unless replaced. */
  onRefer: (target: string) => ReferPlan = () => ACCEPT_REFER;
  /** The 2xx, with the headers the other side added. */
  answer: SipResponse | undefined;

  readonly #transport: SipTransport;
  readonly #dialog: Dialog;
  readonly #media: CallMedia;
  readonly #auth: Credentials | undefined;
  readonly #onEnded: (how: { vanished: boolean }) => void;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #over = new AbortController();
  #state: CallState = 'calling';
  #ending: CallEnding | undefined;
  #invite: { request: SipRequest; transaction: ClientTransaction } | undefined;
  /** The INVITE of now has had a provisional answer, so CANCEL may be sent. */
  #provisional = false;
  #authTried = false;
  #cancel: 'no' | 'wanted' | 'sent' = 'no';
  #byeSent = false;

  constructor(options: {
    transport: SipTransport;
    dialog: Dialog;
    media: CallMedia;
    auth: Credentials | undefined;
    onEnded: (how: { vanished: boolean }) => void;
  }) {
    this.#transport = options.transport;
    this.#dialog = options.dialog;
    this.#media = options.media;
    this.#auth = options.auth;
    this.#onEnded = options.onEnded;
    this.id = options.dialog.callId;
    this.heard = options.media.heard;
    this.said = options.media.sender.said;
  }

  get state(): CallState {
    return this.#state;
  }

  /** Sends the INVITE. */
  start(headers: Iterable<readonly [string, string]>): void {
    const fields = [
      ['Allow', ALLOW],
      ['User-Agent', 'Callwire-Phone'],
      ...headers,
      ['Content-Type', 'application/sdp'],
    ] as Array<[string, string]>;
    this.#sendInvite(this.#dialog.request('INVITE', fields, this.#media.localSdp));
  }

  /** Resolves at the 2xx; rejects with CallRefusedError when the call ends without. */
  async answered(signal?: AbortSignal, deadlineMs = 60_000): Promise<void> {
    await this.#wait('answer', deadlineMs, signal, () => {
      if (this.answer) return true;
      if (this.#ending) throw new CallRefusedError(this.#ending);
      return undefined;
    });
  }

  /** Resolves when the phone rings, or has been answered without; rejects like `answered`. */
  async ringing(signal?: AbortSignal, deadlineMs = 20_000): Promise<void> {
    await this.#wait('ringing', deadlineMs, signal, () => {
      if (this.#state === 'ringing' || this.answer) return true;
      if (this.#ending) throw new CallRefusedError(this.#ending);
      return undefined;
    });
  }

  ended(signal?: AbortSignal, deadlineMs = 120_000): Promise<CallEnding> {
    return this.#wait('end of the call', deadlineMs, signal, () => this.#ending);
  }

  /** Gives every entry of the timeline, those of the past at once; returns how to stop. */
  observe(listener: (entry: TimelineEntry) => void): () => void {
    for (const entry of this.timeline) listener(entry);
    this.#changes.on('entry', listener);
    return () => this.#changes.off('entry', listener);
  }

  /**
   * Speaks 8 kHz samples or a WAV file, after what is being said already and not before the
   * answer; resolves when the last packet is sent, or with `complete: false` when the call ends.
   */
  async play(audio: Int16Array | string, signal?: AbortSignal): Promise<Spoken> {
    const samples = typeof audio === 'string' ? readWav(await readFile(audio)) : audio;
    return await this.#media.sender.speak(samples, signal);
  }

  /** Presses keys as telephone-events. (Defaults: 100 ms down, 60 ms between) */
  async dtmf(keys: string, options: { pressMs?: number; pauseMs?: number } = {}): Promise<void> {
    await this.#media.sender.press(keys, options.pressMs ?? 100, options.pauseMs ?? 60);
  }

  /** Both sides so far, stereo WAV on one clock: left the caller, right the agent. */
  recording(): Buffer {
    return this.#media.recording();
  }

  /** Writes the recording when the call is over, at once when it is. */
  async record(path: string, signal?: AbortSignal): Promise<void> {
    await this.#wait('end of the call', 24 * 3_600_000, signal, () => this.#ending);
    await writeFile(path, this.recording());
  }

  /** Ends the call in any state: BYE, or CANCEL while it rings. Resolves when it is over. */
  async hangUp(signal?: AbortSignal, deadlineMs = 40_000): Promise<CallEnding> {
    if (this.#state === 'answered') this.#sendBye();
    else if (this.#state !== 'ended') this.#wantCancel();
    return await this.ended(signal, deadlineMs);
  }

  /** Gives up while it rings. Throws PHONE_ALREADY_ANSWERED when it is too late for that. */
  async cancel(signal?: AbortSignal, deadlineMs = 40_000): Promise<CallEnding> {
    if (this.#state === 'answered') {
      throw new CallwireError('PHONE_ALREADY_ANSWERED', 'an answered call cannot be cancelled', {
        remedy: 'Use hangUp(), which ends a call in any state.',
      });
    }
    return await this.hangUp(signal, deadlineMs);
  }

  /** Goes silent without a word, as a phone whose battery dies: no BYE, no more RTP, no answers. */
  vanish(): void {
    this.#invite?.transaction.terminate();
    this.#end({ by: 'us', reason: 'vanished' }, true);
  }

  /** A request of theirs that belongs to this call. */
  receive(transaction: ServerTransaction): void {
    const { request } = transaction;
    const reply = (
      status: number,
      headers: Array<readonly [string, string]> = [],
      body = '',
    ): void => {
      const toTag = this.#dialog.localTag;
      transaction.respond(responseTo(request, status, { toTag, headers, body }));
    };
    const toTag = parseNameAddr(request.headers.get('To')!).params.get('tag');
    const known = toTag === this.#dialog.localTag;

    if (!known) {
      reply(481);
    } else if (request.method === 'BYE') {
      reply(200);
      this.#receiveBye(request);
    } else if (request.method === 'INVITE' || request.method === 'UPDATE') {
      this.#receiveOffer(request, reply);
    } else if (request.method === 'REFER') {
      this.#receiveRefer(request, reply);
    } else {
      const harmless = request.method === 'OPTIONS' || request.method === 'INFO';
      reply(harmless ? 200 : 405, [['Allow', ALLOW]]);
    }
  }

  #sendInvite(request: SipRequest): void {
    this.#note({ what: 'invite' });
    this.#provisional = false;
    const transaction = this.#transport.request(request, this.#dialog.nextHop, (response) =>
      this.#receiveInviteResponse(request, response),
    );
    this.#invite = { request, transaction };
  }

  #receiveInviteResponse(request: SipRequest, response: SipResponse): void {
    const { status } = response;
    if (status < 200) this.#receiveProvisional(response);
    else if (status < 300) this.#receiveAnswer(response);
    else if (this.#ending) return;
    else if (this.#cancel !== 'no') this.#end({ by: 'cancelled', status, reason: response.reason });
    else if (!this.#retryWithAuth(request, response)) {
      this.#note({ what: 'rejected', status });
      this.#end({ by: 'rejected', status, reason: response.reason, headers: response.headers });
    }
  }

  #receiveProvisional(response: SipResponse): void {
    if (this.#ending) return;
    this.#provisional = true;
    const { status } = response;
    if (status === 100) {
      if (!this.timeline.some(({ what }) => what === 'trying'))
        this.#note({ what: 'trying', status });
    } else if (this.#state === 'calling') {
      this.#state = 'ringing';
      this.#note({ what: 'ringing', status });
    }
    if (this.#cancel === 'wanted') this.#sendCancel();
  }

  #receiveAnswer(response: SipResponse): void {
    const first = this.answer === undefined && !this.#ending;
    if (first) this.#dialog.establish(response);
    // Each repeated 2xx says that an ACK was lost (RFC 3261 13.2.2.4).
    this.#transport.send(this.#dialog.ack(response), this.#dialog.nextHop);
    if (!first) return;
    this.answer = response;
    this.#state = 'answered';
    this.#note({ what: 'answered', status: response.status });
    if (this.#cancel !== 'no') {
      this.#sendBye();
      return;
    }
    try {
      this.#media.connect(response.body);
      this.#media.sender.start();
    } catch {
      this.#sendBye('no PCMU in their SDP');
    }
  }

  #retryWithAuth(request: SipRequest, response: SipResponse): boolean {
    if (response.status !== 401 && response.status !== 407) return false;
    if (!this.#auth || this.#authTried) return false;
    const again = this.#dialog.authorized(request, response, this.#auth);
    if (!again) return false;
    this.#authTried = true;
    this.#sendInvite(again);
    return true;
  }

  #wantCancel(): void {
    if (this.#cancel !== 'no') return;
    this.#cancel = 'wanted';
    if (this.#provisional) this.#sendCancel();
    else this.#invite?.transaction.giveUpSoon();
  }

  #sendCancel(): void {
    if (!this.#invite) return;
    this.#cancel = 'sent';
    this.#note({ what: 'cancelled' });
    this.#invite.transaction.giveUpSoon();
    void this.#transport.transact(cancelOf(this.#invite.request), this.#dialog.nextHop);
  }

  #sendBye(reason?: string): void {
    if (this.#byeSent || this.#state !== 'answered') return;
    this.#byeSent = true;
    this.#media.sender.stop();
    this.#note({ what: 'bye_sent' });
    const by = this.#cancel === 'no' ? 'us' : 'cancelled';
    // 481 or silence: the far end is gone already, which is what BYE is for (RFC 3261 15.1.1).
    void this.#transact(this.#dialog.request('BYE')).then(() =>
      this.#end({ by, ...(reason ? { reason } : {}) }),
    );
  }

  #receiveBye(request: SipRequest): void {
    if (this.#ending) return;
    this.#note({ what: 'bye_received' });
    if (this.#byeSent) return; // both hung up at once: the answer to ours ends the call
    const reason = request.headers.get('Reason');
    this.#end({ by: 'them', headers: request.headers, ...(reason ? { reason } : {}) });
  }

  #receiveOffer(
    request: SipRequest,
    reply: (status: number, headers?: Array<readonly [string, string]>, body?: string) => void,
  ): void {
    this.#dialog.retarget(request);
    const contact = ['Contact', this.#dialog.contact] as const;
    const offered = request.body !== '';
    try {
      if (offered) this.#media.connect(request.body);
    } catch {
      reply(488);
      return;
    }
    // An INVITE without an offer wants ours (RFC 3261 14.2); an UPDATE without one only a 200.
    if (!offered && request.method === 'UPDATE') reply(200, [contact]);
    else reply(200, [contact, ['Content-Type', 'application/sdp']], this.#media.localSdp);
  }

  #receiveRefer(request: SipRequest, reply: (status: number) => void): void {
    const referTo = request.headers.get('Refer-To');
    if (!referTo) {
      reply(400);
      return;
    }
    const target = parseNameAddr(referTo).uri;
    const plan = this.onRefer(target);
    if (plan.answer === 'none') {
      this.#note({ what: 'refer', target });
      return;
    }
    reply(plan.answer);
    this.#note({ what: 'refer', target, status: plan.answer });
    if (plan.answer >= 300) return;
    void carryOut(plan, cseqOf(request).number, {
      notify: ({ headers, body }) => {
        void this.#transact(this.#dialog.request('NOTIFY', headers, body));
      },
      hangUp: () => this.#sendBye(),
      signal: this.#over.signal,
    });
  }

  async #transact(request: SipRequest): Promise<SipResponse> {
    const response = await this.#transport.transact(request, this.#dialog.nextHop);
    const challenged = response.status === 401 || response.status === 407;
    const again =
      challenged && this.#auth ? this.#dialog.authorized(request, response, this.#auth) : undefined;
    return again ? await this.#transport.transact(again, this.#dialog.nextHop) : response;
  }

  #end(ending: CallEnding, vanished = false): void {
    if (this.#ending) return;
    this.#ending = ending;
    this.#state = 'ended';
    this.#over.abort();
    this.#media.close();
    this.#onEnded({ vanished });
    this.#changes.emit('change');
  }

  /** For the media, which alone knows when the other side is heard. */
  noteFirstAudio(at: number): void {
    this.#note({ what: 'first_audio' }, at);
  }

  #note(entry: Omit<TimelineEntry, 'at'>, at = performance.now()): void {
    const noted = { at, ...entry };
    this.timeline.push(noted);
    this.#changes.emit('entry', noted);
    this.#changes.emit('change');
  }

  #wait<T>(
    what: string,
    deadlineMs: number,
    signal: AbortSignal | undefined,
    check: () => T | undefined,
  ): Promise<T> {
    return waitUntil({
      what,
      check,
      deadlineMs,
      signal,
      subscribe: (wake) => {
        this.#changes.on('change', wake);
        return () => this.#changes.off('change', wake);
      },
    });
  }
}
