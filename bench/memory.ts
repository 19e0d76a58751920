import type { Call } from '../sim/phone/call.ts';
import { heldMiB } from './held_memory.ts';
import { DEADLINE_MS, endOfUtterance } from './listening.ts';
import type { Measurement, MeasurementOptions } from './measurement.ts';
import { type Side, workerSettled } from './side.ts';

const CALLS = 6;

/**
 * What a worker and its processes hold in memory: idle, with one warm process, and for each call
 * more. Proportional set size, in which a page that several processes share counts once.
 */
export const memory: Measurement = {
  name: 'memory',
  about: 'memory of the worker and its processes, idle and for each call: ours, and a bare agent',
  run: async ({ quick, lab, log }) => {
    const calls = quick ? 1 : CALLS;
    const ours = await lab.ours();
    const bare = await lab.bare();
    ours.model.setScenario('opening: $instructed\n');
    const [own, others] = [await held(ours, calls, log), await held(bare, calls, log)];
    const line = (what: string, value: number, n: number) => ({
      what,
      value,
      unit: 'MiB' as const,
      atMost: null,
      n,
      failures: 0,
      details: {},
    });
    const idle = 'memory of the idle worker and its warm process';
    const call = `memory of a call, slope of 1 to ${calls}`;
    return [
      { ...line(idle, own.idle, 1), details: { to_bare: own.idle / others.idle } },
      line(`${idle}, bare agent`, others.idle, 1),
      {
        ...line(call, own.perCall, calls),
        details: { to_bare: own.perCall / others.perCall },
        samples: { mib: own.totals },
      },
      { ...line(`${call}, bare agent`, others.perCall, calls), samples: { mib: others.totals } },
    ];
  },
};

interface Held {
  idle: number;
  /** With 1, 2, 3 … calls. MiB, like the others. */
  totals: number[];
  perCall: number;
}

/** One call after the other is added; each has been greeted when the memory is read. */
async function held(side: Side, most: number, log: MeasurementOptions['log']): Promise<Held> {
  await side.settled();
  const idle = await heldBy(side);
  const calls: Call[] = [];
  const totals: number[] = [];
  try {
    while (calls.length < most) {
      // Of one caller only two calls are taken at a time.
      const call = await side.dial(`+1555010520${calls.length}`);
      calls.push(call);
      await call.answered(undefined, DEADLINE_MS);
      await endOfUtterance(call, 0);
      await workerSettled(side.worker, calls.length);
      totals.push(await heldBy(side));
      log(`memory: ${side.name}, ${calls.length} calls: ${totals.at(-1)?.toFixed(0)} MiB`);
    }
  } finally {
    await Promise.all(calls.map((call) => call.hangUp()));
  }
  const first = totals[0] ?? Number.NaN;
  // With one call alone, what it adds to the idle worker.
  const perCall = totals.length < 2 ? first - idle : slope(totals);
  return { idle, totals, perCall };
}

/** Least squares, with the position for x. */
function slope(values: readonly number[]): number {
  const meanX = (values.length - 1) / 2;
  const meanY = values.reduce((sum, value) => sum + value, 0) / values.length;
  let above = 0;
  let below = 0;
  for (const [x, value] of values.entries()) {
    above += (x - meanX) * (value - meanY);
    below += (x - meanX) ** 2;
  }
  return above / below;
}

async function heldBy({ worker }: Side): Promise<number> {
  const sizes = await Promise.all([worker.pid, ...worker.children()].map(heldMiB));
  return sizes.reduce((sum, size) => sum + size, 0);
}
