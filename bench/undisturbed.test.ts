import { describe, expect, it } from 'vitest';
import { Undisturbed } from './undisturbed.ts';

/** Of each time that something is measured, the share that was stolen, in percent. */
function on(shares: number[], mostRepeats: number) {
  const log: string[] = [];
  let [all, stolen, looks] = [0, 0, 0];
  const undisturbed = new Undisturbed(
    mostRepeats,
    (line) => log.push(line),
    () => {
      if (looks++ % 2 === 1) {
        all += 1_000;
        stolen += 10 * (shares[(looks - 2) / 2] ?? 0);
      }
      return Promise.resolve({ all, stolen });
    },
  );
  let measured = 0;
  return { undisturbed, log, measure: () => undisturbed.measure(async () => ++measured) };
}

describe('Undisturbed', () => {
  it('measures again what the host disturbed', async () => {
    const { undisturbed, measure, log } = on([5, 2, 0.5, 0], 10);
    expect(await measure()).toBe(3);
    expect(await measure()).toBe(4);
    expect(undisturbed.details).toEqual({ repeats_count: 2, disturbed_count: 0 });
    expect(log[0]).toContain('took 5.0% of the CPU');
  });

  it('comes to an end on a host that is never quiet, and says so', async () => {
    const { undisturbed, measure, log } = on([5, 5, 5], 1);
    expect(await measure()).toBe(2);
    expect(await measure()).toBe(3);
    expect(undisturbed.details).toEqual({ repeats_count: 1, disturbed_count: 2 });
    expect(log.at(-1)).toContain('counts all the same');
  });

  it('finds nothing stolen, or nothing that tells, on this machine', async () => {
    const undisturbed = new Undisturbed(0, () => undefined);
    expect(await undisturbed.measure(async () => 'measured')).toBe('measured');
  });
});
