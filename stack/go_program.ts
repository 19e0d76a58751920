import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readDotEnv } from '../src/config/dot_env.ts';
import { findOnPath, isProgram } from './path_lookup.ts';
import type { SystemPackage } from './system_packages.ts';

/** A program of LiveKit's, built from its published Go module. */
export interface GoProgram {
  /** Its name on a PATH, and of the folder beside this file with its go.mod and go.sum. */
  name: string;
  version: string;
  package: string;
  needs: readonly SystemPackage[];
  /** With an empty build cache on two cores. */
  typicalBuildMs: number;
}

export const LIVEKIT_SERVER: GoProgram = {
  name: 'livekit-server',
  version: 'v1.13.5',
  package: 'github.com/livekit/livekit-server/cmd/server',
  needs: [],
  typicalBuildMs: 210_000,
};

export const LIVEKIT_SIP: GoProgram = {
  name: 'livekit-sip',
  version: 'v1.8.0',
  package: 'github.com/livekit/sip/cmd/livekit-sip',
  // The codecs and the resampler are C.
  needs: ['gcc', 'pkg-config', 'libopus-dev', 'libopusfile-dev', 'libsoxr-dev'],
  typicalBuildMs: 210_000,
};

/** A LiveKit program that is there already: on the PATH, else in the cache. */
export function findGoProgram(program: GoProgram): string | undefined {
  const cached = cachedProgram(program);
  return findOnPath(program.name) ?? (isProgram(cached) ? cached : undefined);
}

/** Where a built program is kept: outside the checkout, so that it survives `git clean`. */
export function cachedProgram(
  program: GoProgram,
  {
    env = environment(),
    module = moduleFolder(program),
  }: { env?: NodeJS.ProcessEnv; module?: string } = {},
): string {
  const hash = createHash('sha256')
    // A home folder may be shared by machines.
    .update(`${process.platform} ${process.arch}\n`)
    .update(readFileSync(join(module, 'go.mod')))
    .update(readFileSync(join(module, 'go.sum')))
    .digest('hex')
    .slice(0, 12);
  const folder = `${program.name}-${program.version}-${hash}`;
  return join(stackCache(env), folder, basename(program.package));
}

/** The folder of all built programs. */
export function stackCache(env: NodeJS.ProcessEnv = environment()): string {
  const root =
    env.CALLWIRE_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'callwire');
  return join(root, 'stack');
}

/** With `.env`, but only here: what builds the programs inherits the environment, and needs no secrets. */
function environment(): NodeJS.ProcessEnv {
  return { ...readDotEnv(process.cwd()), ...process.env };
}

/** Its go.mod and go.sum. */
export function moduleFolder({ name }: GoProgram): string {
  return fileURLToPath(new URL(`./${name}/`, import.meta.url));
}
