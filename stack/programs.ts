import { buildGoProgram } from './go_build.ts';
import { findGoProgram, LIVEKIT_SERVER, LIVEKIT_SIP } from './go_program.ts';
import { findOnPath } from './path_lookup.ts';
import { installSystemPackages, type PreparationOptions } from './system_packages.ts';

/** Paths of what the stack runs. */
export interface StackPrograms {
  redisServer: string;
  livekitServer: string;
  livekitSip: string;
}

export interface ProgramSource {
  name: keyof StackPrograms;
  title: string;
  /** Where it is, if it is there already. */
  find(): string | undefined;
  /** Gets it, and says where it is then. */
  get(options: PreparationOptions): Promise<string>;
}

/**
 * In the order in which they are got, one after the other: both LiveKit programs are built from
 * many of the same packages, and the compiler uses every core by itself.
 */
export const PROGRAM_SOURCES: readonly ProgramSource[] = [
  {
    name: 'redisServer',
    title: 'redis-server',
    find: () => findOnPath('redis-server'),
    async get(options) {
      await installSystemPackages(['redis-server'], options);
      return findOnPath('redis-server')!;
    },
  },
  {
    name: 'livekitServer',
    title: `livekit-server ${LIVEKIT_SERVER.version}`,
    find: () => findGoProgram(LIVEKIT_SERVER),
    get: (options) => buildGoProgram(LIVEKIT_SERVER, options),
  },
  {
    name: 'livekitSip',
    title: `livekit-sip ${LIVEKIT_SIP.version}`,
    find: () => findGoProgram(LIVEKIT_SIP),
    get: (options) => buildGoProgram(LIVEKIT_SIP, options),
  },
];

/**
 * What the stack runs: from PATH, else from the cache, else made now (minutes, once per machine).
 * @throws `STACK_PACKAGES_MISSING`, `STACK_GO_MISSING`, `STACK_BUILD_FAILED`.
 */
export async function stackPrograms(options: PreparationOptions): Promise<StackPrograms> {
  const found: Partial<StackPrograms> = {};
  for (const { name, find, get } of PROGRAM_SOURCES) found[name] = find() ?? (await get(options));
  return found as StackPrograms;
}
