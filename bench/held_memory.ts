import { readFile } from 'node:fs/promises';

/**
 * What a process holds in memory, in MiB: its proportional set size, in which a page that several
 * processes share counts once among them.
 */
export async function heldMiB(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const [, size] = /^Pss:\s+(\d+) kB$/m.exec(text) ?? [];
  if (size === undefined) throw new Error('smaps_rollup of this kernel has no Pss');
  return Number(size) / 1_024;
}
