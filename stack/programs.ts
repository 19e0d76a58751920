import { goProgram, LIVEKIT_SERVER, LIVEKIT_SIP } from './go_program.ts';
import { findOnPath } from './path_lookup.ts';
import { installSystemPackages, type PreparationOptions } from './system_packages.ts';

/** Paths of what the stack runs. */
export interface StackPrograms {
  redisServer: string;
  livekitServer: string;
  livekitSip: string;
}

/** One program at a time, so that a caller can show a line for each. */
export interface Preparation {
  name: keyof StackPrograms;
  title: string;
  run(options: PreparationOptions): Promise<string>;
}

/**
 * One after the other: both LiveKit programs are built from many of the same packages, and a
 * compiler uses every core by itself.
 */
export const PREPARATIONS: readonly Preparation[] = [
  {
    name: 'redisServer',
    title: 'redis-server',
    async run(options) {
      await installSystemPackages(['redis-server'], options);
      return findOnPath('redis-server')!;
    },
  },
  {
    name: 'livekitServer',
    title: `livekit-server ${LIVEKIT_SERVER.version}`,
    run: (options) => goProgram(LIVEKIT_SERVER, options),
  },
  {
    name: 'livekitSip',
    title: `livekit-sip ${LIVEKIT_SIP.version}`,
    run: (options) => goProgram(LIVEKIT_SIP, options),
  },
];

/**
 * What the stack runs: from PATH, else from the cache, else made now (minutes, once per machine).
 * @throws `STACK_PACKAGES_MISSING`, `STACK_GO_MISSING`, `STACK_BUILD_FAILED`.
 */
export async function stackPrograms(options: PreparationOptions): Promise<StackPrograms> {
  const found: Partial<StackPrograms> = {};
  for (const { name, run } of PREPARATIONS) found[name] = await run(options);
  return found as StackPrograms;
}
