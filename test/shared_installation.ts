import { afterAll, beforeAll, beforeEach, inject } from 'vitest';
import { Installation, type InstallationOptions } from '../sim/installation/installation.ts';
import { freshLine } from './caller.ts';

/**
 * One installation for all tests of the block around it, for starting one takes seconds; before each
 * of them the stand-ins behave again, and calls of the one before are forgotten.
 *
 * Blocks are read before anything is started, so what they get stands for it until then.
 */
export function sharedInstallation(options: Omit<InstallationOptions, 'stack'>): Installation {
  let started: Installation | undefined;
  const shared = new Proxy({} as Installation, {
    get: (_, name) => {
      if (!started) throw new Error('the installation of this block has not been started');
      const value: unknown = Reflect.get(started, name);
      return typeof value === 'function' ? value.bind(started) : value;
    },
  });
  beforeAll(async () => {
    started = await Installation.start({ stack: inject('stack'), ...options });
  });
  beforeEach(async ({ onTestFailed }) => {
    onTestFailed(() => tellWhatWorkerSaid(shared));
    await freshLine(shared, options.scenario);
  });
  afterAll(() => started?.stop());
  return shared;
}

/** Lines enough for the call of a test. */
const LAST_LINES = 60;

/** A test that fails on a machine of somebody else cannot be looked at but by what is printed. */
function tellWhatWorkerSaid({ worker }: Installation): void {
  const lines = worker.lines.slice(-LAST_LINES).map((line) => JSON.stringify(line));
  console.error(`The worker's last lines:\n${lines.join('\n')}`);
}
