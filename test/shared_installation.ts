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
  beforeEach(() => freshLine(shared, options.scenario));
  afterAll(() => started?.stop());
  return shared;
}
