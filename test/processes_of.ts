import { readdir, readFile } from 'node:fs/promises';
import { isAlive } from '../sim/installation/worker_process.ts';

/**
 * The processes that have this mark, which nothing else has, in their environment or command line:
 * children inherit it, and keep it when their parent has died. Not the one that asks.
 */
export async function processesOf(mark: string): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid || !isAlive(pid)) continue;
    const texts = ['environ', 'cmdline'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8'));
    const settled = await Promise.allSettled(texts);
    if (settled.some((one) => one.status === 'fulfilled' && one.value.includes(mark))) {
      found.push(pid);
    }
  }
  return found;
}
