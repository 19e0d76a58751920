import { describe, expect, it } from 'vitest';
import { Lane } from './lane.ts';

const FRAME = 640; // 40 ms at 16 kHz

/** Sound of one value, so that where it went can be seen. */
const sound = (value: number, length = FRAME) => new Int16Array(length).fill(value);

/** What the lane gives for 0 … `length`, as runs: `[value, from, to]` without the silence. */
function runs(mix: Float32Array): [number, number, number][] {
  const found: [number, number, number][] = [];
  mix.forEach((value, at) => {
    const last = found.at(-1);
    if (value === 0) return;
    if (last && last[0] === value && last[2] === at) last[2] = at + 1;
    else found.push([value, at, at + 1]);
  });
  return found;
}

function taken(lane: Lane, from: number, to: number): [number, number, number][] {
  const mix = new Float32Array(to - from);
  lane.mixInto(mix, from);
  return runs(mix).map(([value, a, b]) => [value, a + from, b + from]);
}

describe('a lane', () => {
  it('puts frame behind frame, whatever the jitter of their arrival', () => {
    const lane = new Lane();
    for (const [i, jitter] of [0, 300, 80, 460, 0].entries()) {
      lane.push(sound(i + 1), (i + 1) * FRAME + jitter);
    }
    expect(taken(lane, 0, 5 * FRAME)).toEqual(
      [1, 2, 3, 4, 5].map((n) => [n, (n - 1) * FRAME, n * FRAME]),
    );
  });

  it('has silence where a track began late, or paused', () => {
    const lane = new Lane();
    lane.push(sound(1), 10_000);
    lane.push(sound(2), 40_000);
    lane.push(sound(3), 40_000 + FRAME);
    expect(taken(lane, 0, 50_000)).toEqual([
      [1, 10_000 - FRAME, 10_000],
      [2, 40_000 - FRAME, 40_000],
      [3, 40_000, 40_000 + FRAME],
    ]);
  });

  /*
   * The event loop stands still for 800 ms: 20 frames arrive at one moment. Placed by their arrival
   * they would lie over each other behind 800 ms of silence; they are one stretch of sound.
   */
  it('knows a stall of the event loop from a pause', () => {
    const lane = new Lane();
    lane.push(sound(1), FRAME);
    const loose = 21 * FRAME;
    for (let i = 1; i <= 20; i++) lane.push(sound(2), loose);
    lane.push(sound(3), 22 * FRAME);
    expect(taken(lane, 0, 22 * FRAME)).toEqual([
      [1, 0, FRAME],
      [2, FRAME, 21 * FRAME],
      [3, 21 * FRAME, 22 * FRAME],
    ]);
  });

  it('goes on where the last taking ended, in the middle of a frame', () => {
    const lane = new Lane();
    lane.push(sound(1), FRAME);
    lane.push(sound(2), 2 * FRAME);
    expect(taken(lane, 0, 1_000)).toEqual([
      [1, 0, FRAME],
      [2, FRAME, 1_000],
    ]);
    expect(taken(lane, 1_000, 3_000)).toEqual([[2, 1_000, 2 * FRAME]]);
    expect(taken(lane, 3_000, 4_000)).toEqual([]);
  });

  it('leaves out what would come before its time', () => {
    const lane = new Lane();
    expect(taken(lane, 0, 10_000)).toEqual([]);
    // Its end belongs to 10,100: all but 100 samples of it are over.
    lane.push(sound(1), 10_100);
    lane.push(sound(2), 10_100 + FRAME);
    expect(taken(lane, 10_000, 12_000)).toEqual([
      [1, 10_000, 10_100],
      [2, 10_100, 10_100 + FRAME],
    ]);
  });

  it('is added to what is there already', () => {
    const [one, other] = [new Lane(), new Lane()];
    one.push(sound(1), FRAME);
    other.push(sound(2), FRAME);
    const mix = new Float32Array(FRAME);
    one.mixInto(mix, 0);
    other.mixInto(mix, 0);
    expect(runs(mix)).toEqual([[3, 0, FRAME]]);
  });
});
