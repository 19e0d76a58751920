import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 250;
/** What a process does that has nothing to do. */
const IDLE_SHARE = 0.05;
const LIMIT_MS = 60_000;
/** Of Linux, on every machine that it runs on today: https://man7.org/linux/man-pages/man5/proc.5.html */
const TICK_MS = 10;

/**
 * Waits until a process has worked off what its last answers left to be done, so that the side that is
 * measured next has the machine to itself. Resolves with how long that took, milliseconds.
 */
export async function rested(pid: number): Promise<number> {
  const start = performance.now();
  let before = await cpuMs(pid);
  for (;;) {
    await sleep(LOOK_EVERY_MS);
    const now = await cpuMs(pid);
    const took = performance.now() - start;
    if (now - before <= LOOK_EVERY_MS * IDLE_SHARE) return took - LOOK_EVERY_MS;
    if (took > LIMIT_MS) throw new Error('a side of the bench does not come to rest');
    before = now;
  }
}

/** Of all of its threads, since it began. */
async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [, , , , , , , , , , , user = '0', system = '0'] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ');
  return (Number(user) + Number(system)) * TICK_MS;
}
