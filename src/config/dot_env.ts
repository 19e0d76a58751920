import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { CallwireError } from '../errors.ts';
import { levelOf, setLogLevel } from './log.ts';

/** The `.env` file of a folder; nothing where there is none. Throws `CONFIG_INVALID` when it cannot be read. */
export function readDotEnv(cwd: string): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(join(cwd, '.env'), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new CallwireError('CONFIG_INVALID', '.env cannot be read', {
      remedy: 'Make .env in the working directory a file that this user may read, or remove it.',
      cause: error,
    });
  }
}

/**
 * Fills in what the environment lacks from `.env`, and sets the log level from the result. Each
 * command calls it once, before anything else: forked call processes inherit the environment, not the
 * file. A variable that is set to nothing is set, so that `WEBHOOK_URL= npm run agent dev` works.
 */
export function applyDotEnv(
  cwd: string = process.cwd(),
  env: NodeJS.ProcessEnv = process.env,
): void {
  for (const [name, value] of Object.entries(readDotEnv(cwd))) env[name] ??= value;
  setLogLevel(levelOf(env));
}
