import { tones } from '../sim/phone/audio_analysis.ts';
import type { Call, TimelineEntry } from '../sim/phone/call.ts';
import { START_HZ } from '../sim/realtime/voice.ts';
import { DEADLINE_MS, endOfUtterance } from './listening.ts';
import type { Measurement, MeasurementOptions } from './measurement.ts';
import type { Line } from './result.ts';
import type { Side } from './side.ts';
import { median, spread } from './statistics.ts';
import { Undisturbed } from './undisturbed.ts';

const SLOW_CRM_MS = 1_500;

/**
 * From INVITE to 200 OK and from there to the first sound, on the phone's clock. A round is a call
 * to the bare agent and two to ours, with a CRM that answers at once and with one that takes 1.5 s;
 * the order turns from round to round, and differences are taken within a round only.
 */
export const answering: Measurement = {
  name: 'answering',
  about: 'INVITE → 200 OK, 200 OK → first audio: ours against a bare agent',
  run: async ({ pairs, quick, lab, log }) => {
    const ours = await lab.ours();
    const bare = await lab.bare();
    const { backend } = ours.installation;
    ours.model.setScenario('opening: $instructed\n');
    const variants: Record<Variant, () => Promise<Answered>> = {
      bare: () => greeted(bare),
      ours: () => greeted(ours),
      slow: () => {
        backend.behave('lookup', { mode: 'slow', ms: SLOW_CRM_MS });
        return greeted(ours).finally(() => backend.behave('lookup', { mode: 'ok' }));
      },
    };
    // The first calls find cold code and caches in every program involved.
    const warmUps = quick ? 0 : 2;
    const rounds: Round[] = [];
    const undisturbed = new Undisturbed(quick ? 0 : pairs, log);
    for (let i = -warmUps; i < pairs; i++) {
      const measure = () => measureRound(variants, i + warmUps, log);
      const round = await (i < 0 ? measure() : undisturbed.measure(measure));
      log(`answering ${i < 0 ? 'warm-up' : `${i + 1}/${pairs}`}: ${told(round)}`);
      if (i >= 0) rounds.push(round);
    }
    return lines(rounds, undisturbed.details);
  },
};

type Variant = 'bare' | 'ours' | 'slow';
const ORDER: readonly Variant[] = ['bare', 'ours', 'slow'];

export interface Answered {
  answerMs: number;
  firstAudioMs: number;
}

/** What broke stays out. */
type Round = Partial<Record<Variant, Answered>>;

async function measureRound(
  variants: Record<Variant, () => Promise<Answered>>,
  turn: number,
  log: MeasurementOptions['log'],
): Promise<Round> {
  const round: Round = {};
  for (let i = 0; i < ORDER.length; i++) {
    const variant = ORDER[(turn + i) % ORDER.length] ?? 'bare';
    try {
      round[variant] = await variants[variant]();
    } catch (error) {
      log(`${variant} failed: ${error}`);
    }
  }
  return round;
}

/** One call that is greeted and hung up. Rejects unless the whole greeting was heard. */
export async function greeted(side: Side): Promise<Answered> {
  await side.settled();
  const call = await side.dial();
  try {
    await call.answered(undefined, DEADLINE_MS);
    await endOfUtterance(call, 0);
    const begun = tones(call.heard.samples(), [START_HZ], { windowMs: 50 });
    if (!begun.some(({ present }) => present.length > 0)) throw new Error('the greeting was cut');
    const [invite, answered, audio] = (['invite', 'answered', 'first_audio'] as const).map((what) =>
      timeOf(call, what),
    ) as [number, number, number];
    return { answerMs: answered - invite, firstAudioMs: audio - answered };
  } finally {
    await call.hangUp();
  }
}

function timeOf(call: Call, what: TimelineEntry['what']): number {
  const entry = call.timeline.find((one) => one.what === what);
  if (!entry) throw new Error(`the call had no ${what}`);
  return entry.at;
}

function lines(
  rounds: readonly Round[],
  disturbances: Undisturbed['details'],
): Omit<Line, 'measurement'>[] {
  const compared = (
    what: string,
    variant: 'ours' | 'slow',
    part: keyof Answered,
    atMost: number,
  ): Omit<Line, 'measurement'> => {
    const both = rounds.flatMap(({ bare, [variant]: other }) =>
      bare && other ? [{ bare: bare[part], ours: other[part] }] : [],
    );
    const bares = both.map(({ bare }) => bare);
    const others = both.map(({ ours }) => ours);
    const differences = both.map(({ bare, ours }) => ours - bare);
    return {
      what,
      value: both.length > 0 ? median(differences) : null,
      unit: 'ms',
      atMost,
      n: both.length,
      failures: rounds.length - both.length,
      details: {
        ...spread('bare', bares),
        ...spread('ours', others),
        ...spread('difference', differences),
        ...disturbances,
      },
      samples: { bare: bares, ours: others },
    };
  };
  return [
    compared('INVITE → 200 OK, CRM at once: ours - bare', 'ours', 'answerMs', 100),
    compared('INVITE → 200 OK, CRM in 1.5 s: ours - bare', 'slow', 'answerMs', 1_600),
    compared('200 OK → first audio: ours - bare', 'ours', 'firstAudioMs', 50),
  ];
}

function told(round: Round): string {
  return ORDER.map((variant) => {
    const { answerMs, firstAudioMs } = round[variant] ?? {};
    if (answerMs === undefined || firstAudioMs === undefined) return `${variant} failed`;
    return `${variant} ${answerMs.toFixed(0)} + ${firstAudioMs.toFixed(0)} ms`;
  }).join(', ');
}
