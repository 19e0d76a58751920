import { type Callee, rejects } from './callee.ts';
import type { Credentials } from './digest.ts';
import type { IncomingCall } from './incoming_call.ts';
import { Phone, type PhoneOptions, type ReceivedInvite } from './phone.ts';
import { waitUntil } from './wait.ts';

/**
 * The far end of an outbound trunk: everybody who can be called, behind one address. Each number
 * does with a call what was agreed for it; a number that nobody has is answered 404.
 *
 * @example
 * const carrier = await Carrier.open();
 * carrier.subscribe('+15550100200', answers({ say: babble(1000) }));
 * // … something is told to call +15550100200 by way of carrier.address
 * const call = await carrier.waitForCall('+15550100200');
 * await call.heard.waitForSound();
 * expect(carrier.callsTo('+15550100200')).toHaveLength(1);
 */
export class Carrier {
  /** Every call, in the order of arrival; one that needed a login once. */
  readonly calls: IncomingCall[] = [];
  /** What went wrong in a callee while its call still ran; the call was hung up. */
  readonly failures: unknown[] = [];
  readonly #subscribers = new Map<string, Callee>();
  readonly #wakes = new Set<() => void>();
  #phone!: Phone;
  #otherwise: Callee = rejects(404);

  private constructor() {}

  static async open(
    options: Partial<Pick<PhoneOptions, 'host' | 'port' | 'timers' | 'onWire'>> & {
      /** Asked of whoever calls. (Default: none) */
      login?: Credentials;
    } = {},
  ): Promise<Carrier> {
    const carrier = new Carrier();
    carrier.#phone = await Phone.open({
      host: '127.0.0.1',
      port: 0,
      ...options,
      number: 'carrier',
      onCall: (call) => carrier.#take(call),
    });
    return carrier;
  }

  /** As SIP_OUTBOUND_ADDRESS takes it. */
  get address(): string {
    const { host, port } = this.#phone.local;
    return `${host}:${port}`;
  }

  /** Every INVITE so far, those that were asked for a login too. */
  get invites(): readonly ReceivedInvite[] {
    return this.#phone.invites;
  }

  /** What this number does with every further call. */
  subscribe(number: string, callee: Callee): void {
    this.#subscribers.set(number, callee);
  }

  /** What all other numbers do. */
  otherwise(callee: Callee): void {
    this.#otherwise = callee;
  }

  callsTo(number: string): IncomingCall[] {
    return this.calls.filter((call) => call.number === number);
  }

  /** The nth (from 1) call to this number, also where it came before. (Default: 30 s) */
  waitForCall(
    number: string,
    options: { nth?: number; deadlineMs?: number } = {},
    signal?: AbortSignal,
  ): Promise<IncomingCall> {
    const nth = options.nth ?? 1;
    return waitUntil({
      what: `call number ${nth} to ${number}`,
      check: () => this.callsTo(number)[nth - 1],
      deadlineMs: options.deadlineMs ?? 30_000,
      signal,
      subscribe: (wake) => {
        this.#wakes.add(wake);
        return () => this.#wakes.delete(wake);
      },
    });
  }

  /** Hangs up what still runs and closes the socket. */
  close(): Promise<void> {
    return this.#phone.close();
  }

  #take(call: IncomingCall): void {
    this.calls.push(call);
    for (const wake of [...this.#wakes]) wake();
    void this.#attend(call, this.#subscribers.get(call.number) ?? this.#otherwise);
  }

  async #attend(call: IncomingCall, callee: Callee): Promise<void> {
    try {
      await callee(call);
    } catch (error) {
      if (call.state === 'ended') return;
      this.failures.push(error);
      await call.hangUp().catch(() => {});
    }
  }
}
