import { AudioFrame } from '@livekit/rtc-node';
import { beforeEach, describe, expect, it } from 'vitest';
import { BargeInGate, volumeOf } from './barge_in.ts';

/** 20 ms of one loudness; the number marks it. */
function frame(peak: number): AudioFrame {
  return new AudioFrame(new Int16Array(480).fill(peak), 24_000, 1, 480);
}
const LOUD = 8_000;
const SOFT = 40;

let gate: BargeInGate;
beforeEach(() => {
  gate = new BargeInGate({ debounceMs: 100, minVolume: 0.3 });
});

const peaks = (frames: AudioFrame[]) => frames.map(({ data }) => data[0]);
const passes = (...given: number[]) => peaks(given.flatMap((peak) => gate.pass(frame(peak))));
const times = (count: number, peak: number) => Array<number>(count).fill(peak);

describe('while the agent is silent', () => {
  it('the model hears everything', () => {
    expect(passes(1, SOFT, LOUD, 0, LOUD)).toEqual([1, SOFT, LOUD, 0, LOUD]);
  });
});

describe('while the agent speaks', () => {
  beforeEach(() => {
    gate.agentSpeaks = true;
  });

  it('the model does not hear what is soft, or short', () => {
    expect(passes(SOFT, SOFT, LOUD, LOUD, LOUD, LOUD, SOFT, LOUD, 0)).toEqual(times(9, 0));
  });

  it('it hears a caller who insists, from the first sound on', () => {
    expect(passes(...times(20, SOFT), ...times(4, LOUD))).toEqual(times(24, 0));
    const heard = passes(LOUD);
    expect(heard).toEqual([...times(15, SOFT), ...times(5, LOUD)]);
    // And goes on to, also through a pause for breath.
    expect(passes(LOUD, SOFT, SOFT, LOUD)).toEqual([LOUD, SOFT, SOFT, LOUD]);
  });

  it('a caller who has fallen silent has to insist again', () => {
    passes(...times(20, SOFT), ...times(5, LOUD));
    expect(passes(...times(14, SOFT))).toEqual(times(14, SOFT));
    expect(passes(SOFT, SOFT, LOUD)).toEqual([0, 0, 0]);
  });

  it('a caller who was speaking already is not cut off', () => {
    gate.agentSpeaks = false;
    passes(LOUD, LOUD);
    gate.agentSpeaks = true;
    expect(passes(LOUD, SOFT, LOUD)).toEqual([LOUD, SOFT, LOUD]);
  });

  it('what was too short is not heard afterwards either', () => {
    passes(SOFT, LOUD, LOUD, SOFT);
    gate.agentSpeaks = false;
    expect(passes(SOFT)).toEqual([SOFT]);
  });

  it('a caller who begins while it ends is heard from the first sound on', () => {
    passes(SOFT, LOUD, LOUD);
    gate.agentSpeaks = false;
    expect(passes(LOUD)).toEqual([SOFT, LOUD, LOUD, LOUD]);
  });
});

it('any sound passes at once where nothing is asked of it', () => {
  gate = new BargeInGate({ debounceMs: 0, minVolume: 0 });
  gate.agentSpeaks = true;
  expect(passes(SOFT, LOUD)).toEqual([SOFT, LOUD]);
});

it('volume goes from silence to the loudest there is', () => {
  expect(volumeOf(new Int16Array(480))).toBe(0);
  expect(volumeOf(new Int16Array(480).fill(-32_768))).toBe(1);
  expect(volumeOf(new Int16Array(480).fill(1_000))).toBeCloseTo(0.495, 2);
});
