import type { Installation } from '../sim/installation/installation.ts';
import type { OutgoingCall } from '../sim/phone/outgoing_call.ts';
import { babble } from '../sim/phone/speech.ts';
import type { SessionLog } from '../sim/realtime/session_log.ts';
import { BODY_HZ, END_HZ, START_HZ } from '../sim/realtime/voice.ts';
import { forgetEarlierCalls } from './whole_record.ts';

/** Generous: the machine of the tests may be slow, and nothing here measures. */
const DEADLINE_MS = 30_000;

/** For `beforeEach`: the stand-ins behave, and nothing is left of a test that failed. */
export async function freshLine(installation: Installation, scenario = '{}'): Promise<void> {
  for (const call of live) await call.hangUp().catch(() => undefined);
  live.clear();
  // A number that is called again in a second try is not answered with the call of the first.
  const called = installation.carrier.calls.splice(0);
  await Promise.all(called.map((call) => call.hangUp().catch(() => undefined)));
  await installation.model?.setFault(undefined);
  installation.model?.setScenario(scenario);
  for (const group of ['lookup', 'writes', 'webhooks'] as const) {
    installation.backend.behave(group, { mode: 'ok' });
  }
  await forgetEarlierCalls(installation);
}

const live = new Set<OutgoingCall>();

interface DialOptions {
  from?: string;
  anonymous?: boolean;
  to?: string;
  model?: string;
}

/** A person on the phone: dials, listens for whole utterances, speaks. */
export class Caller {
  readonly call: OutgoingCall;
  readonly #session: () => Promise<SessionLog>;
  /** Arrival of what was heard last; what is waited for next comes later. */
  #listenedUntil = 0;

  private constructor(call: OutgoingCall, session: () => Promise<SessionLog>) {
    this.call = call;
    this.#session = session;
  }

  /**
   * Returns as soon as the INVITE is out. A start hook that names another model has the call change its
   * connection: `model` is then whose session is meant.
   */
  static async dial(
    installation: Installation,
    { model: named, ...options }: DialOptions = {},
  ): Promise<Caller> {
    const { model } = installation;
    if (!model) throw new Error('a caller of the tests needs the stand-in for the model');
    const before = model.sessions.length;
    const call = await installation.dial(options);
    live.add(call);
    return new Caller(call, async () => {
      const limit = AbortSignal.timeout(DEADLINE_MS);
      for (let i = before; ; i++) {
        const session = await model.waitForSession(limit, i);
        if (named === undefined || session.model === named) return session;
      }
    });
  }

  /** The model's side of this call: its first connection. */
  get session(): Promise<SessionLog> {
    return this.#session();
  }

  /** Waits until the phone is answered. */
  answered(): Promise<void> {
    return this.call.answered(undefined, DEADLINE_MS);
  }

  /** Waits for the beginning of the model's next utterance. */
  async hearsBeginning(): Promise<void> {
    this.#listenedUntil = (await this.#tone(START_HZ)).at;
  }

  /** Waits until the model's utterance has lasted so long. */
  async hears(ms: number): Promise<void> {
    await this.#tone(BODY_HZ, ms);
  }

  /** Waits for the end of the model's next utterance, and the moment of silence behind it. */
  async hearsEnd(): Promise<void> {
    // Nothing else sounds like it: three packets are enough on a machine that drops some.
    await this.#tone(END_HZ, 60);
    await this.call.heard.waitForSilence({ forMs: 100, deadlineMs: DEADLINE_MS });
    this.#listenedUntil = performance.now();
  }

  /** Says something; what the model takes it for is the scenario's business. */
  async speaks(ms = 700): Promise<void> {
    this.#listenedUntil = performance.now();
    await this.call.play(babble(ms));
  }

  /** Says something and hears the whole reply. */
  async asks(ms?: number): Promise<void> {
    await this.speaks(ms);
    await this.hearsEnd();
  }

  /** Waits for something in the model's session. */
  async model<T>(predicate: (log: SessionLog) => T | undefined | null | false): Promise<T> {
    return (await this.session).waitFor(predicate, AbortSignal.timeout(DEADLINE_MS));
  }

  /** Rejects at the end of the call as well: whoever has hung up is heard no more. */
  async #tone(hz: number, minMs = 100): Promise<{ at: number }> {
    await this.answered();
    const { call } = this;
    const after = this.#listenedUntil;
    const over = new AbortController();
    const tone = call.heard.waitForTone(hz, { minMs, after, deadlineMs: DEADLINE_MS }, over.signal);
    const ended = call.ended(over.signal, 2 * DEADLINE_MS).then(({ by }) => {
      throw new Error(`no tone of ${hz} Hz: the call was ended by ${by}`);
    });
    try {
      return await Promise.race([tone, ended]);
    } finally {
      over.abort();
      await Promise.allSettled([tone, ended]);
    }
  }
}
