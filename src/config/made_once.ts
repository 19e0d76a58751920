import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeDataDir } from './data_dir.ts';

/** The text of a file, `null` where there is none. Throws what the file system says otherwise. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * The text of a file in DATA_DIR that whichever command comes first makes, for its owner only, and
 * all others read. A link is what makes this safe when two start together: it fails where the name
 * exists, and the name never stands for half a file.
 */
export function madeOnce(path: string, make: () => string): string {
  const made = readIfThere(path);
  if (made !== null) return made;
  makeDataDir(dirname(path));
  const text = make();
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(draft, path);
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return readFileSync(path, 'utf8');
  } finally {
    unlinkSync(draft);
  }
}
