import { toneShare, tones } from '../../sim/phone/audio_analysis.ts';
import { answers, busy } from '../../sim/phone/callee.ts';
import type { IncomingCall } from '../../sim/phone/incoming_call.ts';
import { BODY_HZ, END_HZ, MARKER_MS, START_HZ } from '../../sim/realtime/voice.ts';
import { DEADLINE_MS } from '../listening.ts';
import type { Measurement, MeasurementOptions } from '../measurement.ts';
import type { OurSide } from '../our_side.ts';
import type { Line } from '../result.ts';
import { quantile, spread } from '../statistics.ts';

const P95_MS = 500;
const AT_ONCE = 6;
/** Of a greeting: what a stall of the whole machine may swallow, and no word of it. */
const LEAST_SHARE = 0.9;
/** Short enough that one lies within the part of the last tone that is waited for. */
const WINDOW_MS = 50;
const MARKER_WINDOWS = MARKER_MS / WINDOW_MS;

/**
 * Outbound calls: from the 202 to the INVITE at the phone, with a warm process and a free slot; and
 * six at once, of which every greeting must be heard from its first tone to its last.
 */
export const dialling: Measurement = {
  name: 'dialling',
  about: '202 → INVITE at the phone of an outbound call; six outbound calls at once',
  run: async ({ pairs, quick, lab, log }) => {
    const ours = await lab.ours();
    ours.model.setScenario('opening: $instructed\n');
    const one = await oneByOne(ours, { count: quick ? 1 : pairs, warmUps: quick ? 0 : 2, log });
    const rounds = quick ? 1 : Math.ceil(pairs / 10);
    const many = await atOnce(ours, { rounds, calls: quick ? 2 : AT_ONCE, log });
    await ours.settled();
    return [one, many];
  },
};

let dialled = 0;
/** A number that nobody has called yet: there are caps on each. */
const nextNumber = () => `+1555010${6_000 + dialled++}`;

interface Accepted {
  id: string;
  /** `performance.now()` of the 202. */
  at: number;
}

async function place({ installation }: OurSide, to: string): Promise<Accepted> {
  const body = { agentId: 'front-desk', phoneNumber: to, knownConsent: true };
  const answer = await installation.request('POST', '/v1/calls', { body });
  const at = performance.now();
  if (answer.status !== 202) throw new Error(`POST /v1/calls: ${answer.status}`);
  return { id: answer.body.call.id, at };
}

/** The steps between, as the call's process logs them. */
const STEPS = { process: 'placing a call', context: 'caller context' } as const;

async function oneByOne(
  ours: OurSide,
  { count, warmUps, log }: Pick<MeasurementOptions, 'log'> & { count: number; warmUps: number },
): Promise<Omit<Line, 'measurement'>> {
  const { carrier } = ours.installation;
  const times: number[] = [];
  const parts: Record<keyof typeof STEPS, number[]> = { process: [], context: [] };
  let failures = 0;
  for (let i = -warmUps; i < count; i++) {
    try {
      await ours.settled();
      const to = nextNumber();
      carrier.subscribe(to, busy());
      const { id, at } = await place(ours, to);
      const clock = Date.now() - performance.now();
      await carrier.waitForCall(to, { deadlineMs: DEADLINE_MS });
      const invite = carrier.invites.find(({ number }) => number === to)?.at ?? Number.NaN;
      log(`dialling ${i < 0 ? 'warm-up' : `${i + 1}/${count}`}: ${(invite - at).toFixed(0)} ms`);
      if (i < 0) continue;
      times.push(invite - at);
      for (const step of Object.keys(STEPS) as (keyof typeof STEPS)[]) {
        const line = ours.worker.lines.find(({ call, msg }) => call === id && msg === STEPS[step]);
        if (line) parts[step].push(Date.parse(String(line.time)) - clock - at);
      }
    } catch (error) {
      failures += 1;
      log(`dialling failed: ${error}`);
    }
  }
  return {
    what: '202 → INVITE at the phone: p95',
    value: times.length > 0 ? quantile(times, 0.95) : null,
    unit: 'ms',
    atMost: P95_MS,
    n: times.length,
    failures,
    details: {
      ...spread('invite', times),
      ...spread('until_process', parts.process),
      ...spread('until_context', parts.context),
    },
    samples: { invite: times },
  };
}

async function atOnce(
  ours: OurSide,
  { rounds, calls, log }: Pick<MeasurementOptions, 'log'> & { rounds: number; calls: number },
): Promise<Omit<Line, 'measurement'>> {
  const { carrier } = ours.installation;
  const times: number[] = [];
  let failures = 0;
  for (let round = 0; round < rounds; round++) {
    await ours.settled();
    const ring = async () => {
      const to = nextNumber();
      carrier.subscribe(to, answers({ ringMs: 300 }));
      const { at } = await place(ours, to);
      const call = await carrier.waitForCall(to, { deadlineMs: 2 * DEADLINE_MS });
      try {
        await call.heard.waitForTone(END_HZ, { deadlineMs: 2 * DEADLINE_MS });
        if (!isWhole(call)) throw new Error('a greeting was cut');
        const invite = carrier.invites.find(({ number }) => number === to)?.at ?? Number.NaN;
        times.push(invite - at);
      } finally {
        await call.hangUp();
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: calls }, ring));
    for (const one of ended) {
      if (one.status === 'fulfilled') continue;
      failures += 1;
      log(`one of ${calls} at once failed: ${one.reason}`);
    }
    log(`dialling: ${calls} at once, round ${round + 1}/${rounds}`);
  }
  return {
    what: `${calls} outbound calls at once, every greeting whole: 202 → the last INVITE`,
    value: times.length > 0 ? Math.max(...times) : null,
    unit: 'ms',
    atMost: null,
    n: times.length,
    failures,
    details: spread('invite', times),
  };
}

/** From the first tone to the last, without a hole between them. */
function isWhole({ heard }: IncomingCall): boolean {
  const windows = tones(heard.samples(), [START_HZ, BODY_HZ, END_HZ], { windowMs: WINDOW_MS });
  const has = (hz: number) => windows.findIndex(({ present }) => present.includes(hz));
  const [first, last] = [has(START_HZ), has(END_HZ)];
  if (first < 0 || last < first) return false;
  return toneShare(windows.slice(first + MARKER_WINDOWS, last), BODY_HZ) >= LEAST_SHARE;
}
