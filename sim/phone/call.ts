import { EventEmitter } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { CallwireError } from '../../src/errors.ts';
import type { CallMedia } from './call_media.ts';
import type { Dialog } from './dialog.ts';
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
    | 'refer'
    | 'mark';
  /** The SIP status of the answer that made it; for `refer` the one we answered with. */
  status?: number;
  /** Of a `refer`: where they wanted us to go. */
  target?: string;
  /** Of a `mark`: what it stands for. */
  mark?: string;
}

export interface CallEnding {
  /** `rejected` and `cancelled` before an answer: by whom is told by who called. */
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

export interface CallParts {
  transport: SipTransport;
  dialog: Dialog;
  media: CallMedia;
  /** For a 401 or 407 to a request of ours. */
  auth: Credentials | undefined;
  onEnded: (how: { vanished: boolean }) => void;
}

/** Answers a request of theirs in the call's dialog. */
type Reply = (status: number, headers?: Array<readonly [string, string]>, body?: string) => void;

/**
 * One call, whoever began it: what is said and heard, transfers, and its end. How it gets from
 * `calling` to `answered` is in OutgoingCall and IncomingCall, with their state machines.
 */
export abstract class Call {
  readonly id: string;
  readonly timeline: TimelineEntry[] = [];
  readonly heard: Heard;
  /** What we said, on the same clock as `heard.track`. */
  readonly said: PcmTrack;
  /** Decides about each REFER; accepts and reports 200 after 400 ms unless replaced. */
  onRefer: (target: string) => ReferPlan = () => ACCEPT_REFER;

  protected readonly transport: SipTransport;
  protected readonly dialog: Dialog;
  protected readonly media: CallMedia;
  readonly #auth: Credentials | undefined;
  readonly #onEnded: (how: { vanished: boolean }) => void;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #over = new AbortController();
  #state: CallState = 'calling';
  #wasAnswered = false;
  #ending: CallEnding | undefined;
  #byeSent = false;

  constructor(parts: CallParts) {
    this.transport = parts.transport;
    this.dialog = parts.dialog;
    this.media = parts.media;
    this.#auth = parts.auth;
    this.#onEnded = parts.onEnded;
    this.id = parts.dialog.callId;
    this.heard = parts.media.heard;
    this.said = parts.media.sender.said;
    parts.media.onFirstAudio = (at) => this.note({ what: 'first_audio' }, at);
  }

  get state(): CallState {
    return this.#state;
  }

  /** Also after its end. */
  get wasAnswered(): boolean {
    return this.#wasAnswered;
  }

  /** Aborts when the call is over: what is done in it ends with it. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Resolves at the 2xx; rejects with CallRefusedError when the call ends without. */
  async answered(signal?: AbortSignal, deadlineMs = 60_000): Promise<void> {
    await this.#wait('answer', deadlineMs, signal, () => {
      if (this.#wasAnswered) return true;
      if (this.#ending) throw new CallRefusedError(this.#ending);
      return undefined;
    });
  }

  /** Resolves when the phone rings, or has been answered without; rejects like `answered`. */
  async ringing(signal?: AbortSignal, deadlineMs = 20_000): Promise<void> {
    await this.#wait('ringing', deadlineMs, signal, () => {
      if (this.#state === 'ringing' || this.#wasAnswered) return true;
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

  /** Puts a word of one's own into the timeline: the beep of an answering machine, a menu. */
  mark(mark: string): void {
    this.note({ what: 'mark', mark });
  }

  /**
   * Speaks 8 kHz samples or a WAV file, after what is being said already and not before the
   * answer; resolves when the last packet is sent, or with `complete: false` when the call ends.
   */
  async play(audio: Int16Array | string, signal?: AbortSignal): Promise<Spoken> {
    const samples = typeof audio === 'string' ? readWav(await readFile(audio)) : audio;
    return await this.media.sender.speak(samples, signal);
  }

  /** Presses keys as telephone-events. (Defaults: 100 ms down, 60 ms between) */
  async dtmf(keys: string, options: { pressMs?: number; pauseMs?: number } = {}): Promise<void> {
    await this.media.sender.press(keys, options.pressMs ?? 100, options.pauseMs ?? 60);
  }

  /** Both sides so far, stereo WAV on one clock: left us, right them. */
  recording(): Buffer {
    return this.media.recording();
  }

  /** Writes the recording when the call is over, at once when it is. */
  async record(path: string, signal?: AbortSignal): Promise<void> {
    await this.#wait('end of the call', 24 * 3_600_000, signal, () => this.#ending);
    await writeFile(path, this.recording());
  }

  /** Ends the call in any state. Resolves when it is over. */
  async hangUp(signal?: AbortSignal, deadlineMs = 40_000): Promise<CallEnding> {
    if (this.#state === 'answered') this.sendBye();
    else if (this.#state !== 'ended') this.giveUp();
    return await this.ended(signal, deadlineMs);
  }

  /** Goes silent without a word, as a phone whose battery dies: no BYE, no more RTP, no answers. */
  vanish(): void {
    this.forget();
    this.end({ by: 'us', reason: 'vanished' }, true);
  }

  /** A request of theirs that belongs to this call. */
  receive(transaction: ServerTransaction): void {
    const { request } = transaction;
    const reply: Reply = (status, headers = [], body = '') => {
      const toTag = this.dialog.localTag;
      transaction.respond(responseTo(request, status, { toTag, headers, body }));
    };
    const toTag = parseNameAddr(request.headers.get('To')!).params.get('tag');
    const known = toTag === this.dialog.localTag;

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

  /** Ends a call that has not been answered. */
  protected abstract giveUp(): void;

  /** Stops what would still be sent for the INVITE. */
  protected abstract forget(): void;

  /** Why the end that our BYE brings is called what it is. */
  protected abstract get endOfBye(): 'us' | 'cancelled';

  /** Resolves when a BYE may be sent; undefined: now. */
  protected readyForBye(): Promise<unknown> | undefined {
    return undefined;
  }

  protected becomes(state: 'ringing' | 'answered', status: number): void {
    this.#state = state;
    if (state === 'answered') this.#wasAnswered = true;
    this.note({ what: state, status });
  }

  protected sendBye(reason?: string): void {
    if (this.#byeSent || this.#state !== 'answered') return;
    this.#byeSent = true;
    this.media.sender.stop();
    this.note({ what: 'bye_sent' });
    const ready = this.readyForBye();
    if (ready) void ready.then(() => this.#bye(reason));
    else this.#bye(reason);
  }

  protected end(ending: CallEnding, vanished = false): void {
    if (this.#ending) return;
    this.#ending = ending;
    this.#state = 'ended';
    this.#over.abort();
    this.media.close();
    this.#onEnded({ vanished });
    this.#changes.emit('change');
  }

  protected note(entry: Omit<TimelineEntry, 'at'>, at = performance.now()): void {
    const noted = { at, ...entry };
    this.timeline.push(noted);
    this.#changes.emit('entry', noted);
    this.#changes.emit('change');
  }

  #bye(reason: string | undefined): void {
    if (this.#ending) return;
    // 481 or silence: the far end is gone already, which is what BYE is for (RFC 3261 15.1.1).
    void this.#transact(this.dialog.request('BYE')).then(() =>
      this.end({ by: this.endOfBye, ...(reason ? { reason } : {}) }),
    );
  }

  #receiveBye(request: SipRequest): void {
    if (this.#ending) return;
    this.note({ what: 'bye_received' });
    if (this.#byeSent) return; // both hung up at once: the answer to ours ends the call
    const reason = request.headers.get('Reason');
    this.end({ by: 'them', headers: request.headers, ...(reason ? { reason } : {}) });
  }

  #receiveOffer(request: SipRequest, reply: Reply): void {
    this.dialog.retarget(request);
    const contact = ['Contact', this.dialog.contact] as const;
    const offered = request.body !== '';
    try {
      if (offered) this.media.connect(request.body);
    } catch {
      reply(488);
      return;
    }
    // An INVITE without an offer wants ours (RFC 3261 14.2); an UPDATE without one only a 200.
    if (!offered && request.method === 'UPDATE') reply(200, [contact]);
    else reply(200, [contact, ['Content-Type', 'application/sdp']], this.media.localSdp);
  }

  #receiveRefer(request: SipRequest, reply: Reply): void {
    const referTo = request.headers.get('Refer-To');
    if (!referTo) {
      reply(400);
      return;
    }
    const target = parseNameAddr(referTo).uri;
    const plan = this.onRefer(target);
    if (plan.answer === 'none') {
      this.note({ what: 'refer', target });
      return;
    }
    reply(plan.answer);
    this.note({ what: 'refer', target, status: plan.answer });
    if (plan.answer >= 300) return;
    void carryOut(plan, cseqOf(request).number, {
      notify: ({ headers, body }) => {
        void this.#transact(this.dialog.request('NOTIFY', headers, body));
      },
      hangUp: () => this.sendBye(),
      signal: this.#over.signal,
    });
  }

  async #transact(request: SipRequest): Promise<SipResponse> {
    const response = await this.transport.transact(request, this.dialog.nextHop);
    const challenged = response.status === 401 || response.status === 407;
    const again =
      challenged && this.#auth ? this.dialog.authorized(request, response, this.#auth) : undefined;
    return again ? await this.transport.transact(again, this.dialog.nextHop) : response;
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
