import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CallwireError } from '../src/errors.ts';
import { findOnPath } from './path_lookup.ts';

const run = promisify(execFile);

type Requirement = () => Promise<boolean>;

const command =
  (...names: string[]): Requirement =>
  async () =>
    names.some((name) => findOnPath(name));

const library =
  (name: string): Requirement =>
  () =>
    run('pkg-config', ['--exists', name]).then(
      () => true,
      () => false,
    );

/**
 * Debian's packages, each with what shows that it is not needed. What they bring is looked for and
 * not the packages, because on other systems it comes under other names.
 */
const PACKAGES = {
  'redis-server': command('redis-server'),
  gcc: command('gcc', 'cc', 'clang'),
  'pkg-config': command('pkg-config', 'pkgconf'),
  'libopus-dev': library('opus'),
  'libopusfile-dev': library('opusfile'),
  'libsoxr-dev': library('soxr'),
} satisfies Record<string, Requirement>;

export type SystemPackage = keyof typeof PACKAGES;

/** How anything is made ready that a stack needs. */
export interface PreparationOptions {
  signal: AbortSignal;
  /** A line about a step that takes its time. */
  log: (line: string) => void;
  /** How far it is; called every second. */
  progress?: ((text: string) => void) | undefined;
}

/** 5 min: a machine that has just booted may be updating itself, and downloads take their time. */
const APT_TIMEOUT_MS = 300_000;

/**
 * Installs what is missing with apt where this user may, as root on Debian and its kin.
 * @throws `STACK_PACKAGES_MISSING` with the command to run, where it may not or apt fails.
 */
export async function installSystemPackages(
  wanted: readonly SystemPackage[],
  { signal, log }: PreparationOptions,
): Promise<void> {
  const missing = await missingPackages(wanted);
  if (missing.length === 0) return;

  if (process.getuid?.() !== 0 || !findOnPath('apt-get')) throw packagesMissing(missing);
  log(`installing ${missing.join(', ')} with apt-get`);
  try {
    await apt(['update'], signal);
    await apt(['install', '--yes', '--no-install-recommends', ...missing], signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw packagesMissing(missing, cause as Error & { stderr?: string });
  }
  const still = await missingPackages(missing);
  if (still.length > 0) throw packagesMissing(still);
}

export async function missingPackages(wanted: readonly SystemPackage[]): Promise<SystemPackage[]> {
  const present = await Promise.all(wanted.map((name) => PACKAGES[name]()));
  return wanted.filter((_, index) => !present[index]);
}

/** Waits for another apt (unattended upgrades after boot) instead of failing on its lock. */
async function apt(args: readonly string[], signal: AbortSignal): Promise<void> {
  await run('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    // policy-rc.d is not ours to write, so a redis service of Debian's may start on 6379; ours has
    // its own configuration, and a taken port is named with its setting.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    signal,
    timeout: APT_TIMEOUT_MS,
    maxBuffer: 16 * 1024 * 1024,
  });
}

function packagesMissing(
  missing: readonly SystemPackage[],
  cause?: Error & { stderr?: string },
): CallwireError {
  const said = cause?.stderr?.trim().split('\n').slice(-6).join('\n');
  return new CallwireError(
    'STACK_PACKAGES_MISSING',
    `The local stack needs what these packages bring: ${missing.join(', ')}` +
      (said ? `. apt-get said:\n${said}` : ''),
    {
      remedy:
        `Run: sudo apt-get update && sudo apt-get install --yes ${missing.join(' ')}` +
        '  (on a system without apt: its packages for the same programs and libraries).',
      cause,
    },
  );
}
