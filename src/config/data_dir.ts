import { mkdirSync } from 'node:fs';

/**
 * Makes DATA_DIR, for its owner only, where it is missing. One that exists keeps its mode: it may
 * be a folder that the operator shares on purpose.
 */
export function makeDataDir(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}
