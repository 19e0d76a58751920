import { setTimeout as delay } from 'node:timers/promises';
import type { IncomingCall } from './incoming_call.ts';
import type { ReferPlan } from './refer.ts';
import { tone } from './speech.ts';

/**
 * What somebody does with a call to them. Where it returns, the call goes on until the caller ends
 * it; when the call ends first, whatever it waits for rejects and nothing more happens.
 *
 * @example carrier.subscribe('+15550100200', answers({ ringMs: 500, say: babble(1500) }));
 */
export type Callee = (call: IncomingCall) => Promise<void>;

/** 8 kHz samples, or the path of a WAV file. */
export type Utterance = Int16Array | string;

export interface Ringing {
  /** How long it rings before anything else happens, ms. (Default: 200) */
  ringMs?: number;
  /** 183 with SDP instead of 180. (Default: false) */
  earlyMedia?: boolean;
}

/** A person: answers, says something, listens on. */
export function answers(
  options: Ringing & {
    say?: Utterance;
    /** Counted from the end of what was said, ms. (Default: never) */
    hangUpAfterMs?: number;
  } = {},
): Callee {
  return async (call) => {
    await pickUp(call, options);
    if (options.say) await call.play(options.say, call.over);
    if (options.hangUpAfterMs === undefined) return;
    await pause(call, options.hangUpAfterMs);
    await call.hangUp();
  };
}

/** Refuses: 603 declined, 403 forbidden, 404 no such number … (Default: at once, without ringing) */
export function rejects(
  status: number,
  options: Ringing & { headers?: ReadonlyArray<readonly [string, string]> } = {},
): Callee {
  return async (call) => {
    if (options.ringMs !== undefined) await ring(call, options);
    call.reject(status, options.headers);
  };
}

export function busy(): Callee {
  return rejects(486);
}

/** Rings until the caller gives up. */
export function ringsOut(options: Pick<Ringing, 'earlyMedia'> = {}): Callee {
  return async (call) => call.ring(options);
}

/** A carrier that swallows the call: 100 Trying and then nothing. */
export function staysSilent(): Callee {
  return async () => {};
}

/** Answers, and hangs up `afterMs` into the first thing it hears. (Default: 300) */
export function hangsUpOnGreeting(options: Ringing & { afterMs?: number } = {}): Callee {
  return async (call) => {
    await pickUp(call, options);
    await call.heard.waitForSound({ deadlineMs: LISTEN_MS }, call.over);
    await pause(call, options.afterMs ?? 300);
    await call.hangUp();
  };
}

/** Speaks its greeting, beeps at 1000 Hz, records. Marks: `greeting`, `beep`, `recording`. */
export function answeringMachine(
  options: Ringing & {
    greeting: Utterance;
    /** (Default: 400) */
    beepMs?: number;
    /** It hangs up when its tape is full, ms. (Default: 60 000) */
    recordMs?: number;
  },
): Callee {
  return async (call) => {
    await pickUp(call, options);
    call.mark('greeting');
    await call.play(options.greeting, call.over);
    call.mark('beep');
    await call.play(tone(BEEP_HZ, options.beepMs ?? 400), call.over);
    call.mark('recording');
    await pause(call, options.recordMs ?? 60_000);
    await call.hangUp();
  };
}

/**
 * "Press 1 for …": says the menu, which a key cuts short, and does what belongs to the key. A key
 * that nothing belongs to, or none in time, brings the menu again; after the last time it hangs
 * up. Marks: `menu`, `key <key>`.
 */
export function ivr(
  options: Ringing & {
    menu: Utterance;
    keys: Readonly<Record<string, Callee>>;
    /** For a key, from the end of the menu, ms. (Default: 5000) */
    waitMs?: number;
    /** How often the menu is said. (Default: 3) */
    times?: number;
  },
): Callee {
  return async (call) => {
    await pickUp(call, options);
    let pressed = 0;
    for (let i = 0; i < (options.times ?? 3); i++) {
      call.mark('menu');
      const key = await keyAfterMenu(call, options, pressed);
      if (key === undefined) continue;
      pressed += 1;
      call.mark(`key ${key}`);
      const next = options.keys[key];
      if (next) return await next(call);
    }
    await call.hangUp();
    return undefined;
  };
}

async function keyAfterMenu(
  call: IncomingCall,
  options: { menu: Utterance; waitMs?: number },
  pressed: number,
): Promise<string | undefined> {
  const cut = new AbortController();
  const signal = AbortSignal.any([cut.signal, call.over]);
  const key = call.heard
    .waitForKeys(pressed + 1, signal, LISTEN_MS)
    .then((keys) => keys.charAt(pressed));
  const menu = call
    .play(options.menu, signal)
    .then(() => delay(options.waitMs ?? 5000, undefined, { signal }));
  try {
    return await Promise.race([key, menu]);
  } finally {
    cut.abort();
    await Promise.allSettled([key, menu]);
  }
}

/**
 * "State your name and why you are calling": asks, listens to the whole answer, then does what
 * comes next: a person who takes the call, or `(call) => call.hangUp()`. Marks: `question`,
 * `listening`, `stated`.
 */
export function callScreening(
  options: Ringing & {
    question: Utterance;
    next: (call: IncomingCall) => Promise<unknown>;
    /** As much silence ends the answer, ms. (Default: 800) */
    silenceMs?: number;
  },
): Callee {
  return async (call) => {
    await pickUp(call, options);
    call.mark('question');
    await call.play(options.question, call.over);
    call.mark('listening');
    const asked = { after: performance.now(), deadlineMs: LISTEN_MS };
    const { at } = await call.heard.waitForSound(asked, call.over);
    const silence = { forMs: options.silenceMs ?? 800, after: at, deadlineMs: LISTEN_MS };
    await call.heard.waitForSilence(silence, call.over);
    call.mark('stated');
    await options.next(call);
  };
}

/** The same callee, who takes being transferred like this. */
export function transferredBy(plan: ReferPlan, callee: Callee): Callee {
  return (call) => {
    call.onRefer = () => plan;
    return callee(call);
  };
}

export const BEEP_HZ = 1000;

/** For anything a callee waits to hear. */
const LISTEN_MS = 60_000;

async function ring(call: IncomingCall, { ringMs = 200, earlyMedia = false }: Ringing) {
  call.ring({ earlyMedia });
  await pause(call, ringMs);
}

async function pickUp(call: IncomingCall, ringing: Ringing): Promise<void> {
  await ring(call, ringing);
  call.answer();
}

function pause(call: IncomingCall, ms: number): Promise<void> {
  return delay(ms, undefined, { signal: call.over });
}
