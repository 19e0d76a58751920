import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const PAGE_BYTES = 4_096;

/** How long this folder's disk takes to make 4 KB durable, in milliseconds, `count` times. */
export function fsyncTimes(folder: string, count: number): number[] {
  const path = join(folder, 'fsync-probe');
  const page = Buffer.alloc(PAGE_BYTES, 'x');
  const file = openSync(path, 'w');
  const times: number[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const startedAt = performance.now();
      writeSync(file, page);
      fsyncSync(file);
      times.push(performance.now() - startedAt);
    }
  } finally {
    closeSync(file);
    unlinkSync(path);
  }
  return times;
}
