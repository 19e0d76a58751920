import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { availableParallelism, homedir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CallwireError, isCallwireError } from '../src/errors.ts';
import { type DataDirLock, lockDataDir } from '../src/store/data_dir_lock.ts';
import { findOnPath, isProgram } from './path_lookup.ts';
import {
  installSystemPackages,
  type PreparationOptions,
  type SystemPackage,
} from './system_packages.ts';

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

/**
 * Builds a LiveKit program into the cache and says where it is. Two starts at a time build once:
 * the second waits for the lock of the first.
 *
 * @throws `STACK_GO_MISSING`, `STACK_PACKAGES_MISSING`, `STACK_BUILD_FAILED`.
 */
export async function buildGoProgram(
  program: GoProgram,
  options: PreparationOptions,
): Promise<string> {
  await installSystemPackages(program.needs, options);
  const go = findOnPath('go') ?? findOnPath('go', { path: '/usr/local/go/bin' });
  if (!go) throw goMissing(program);

  const installed = cachedProgram(program);
  const lock = await lockBuilds(program, options);
  try {
    if (!isProgram(installed)) await build(program, { ...options, go, installed });
    return installed;
  } finally {
    lock.release();
  }
}

/** Where a built program is kept: outside the checkout, so that it survives `git clean`. */
export function cachedProgram(
  program: GoProgram,
  {
    env = process.env,
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

function stackCache(env: NodeJS.ProcessEnv): string {
  const root =
    env.CALLWIRE_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'callwire');
  return join(root, 'stack');
}

function moduleFolder({ name }: GoProgram): string {
  return fileURLToPath(new URL(`./${name}/`, import.meta.url));
}

const LOCK_POLL_MS = 500;

/** An OS lock, which a build that was killed does not leave behind. */
async function lockBuilds(
  program: GoProgram,
  { signal, log }: PreparationOptions,
): Promise<DataDirLock> {
  const folder = join(stackCache(process.env), `${program.name}.lock`);
  let told = false;
  for (;;) {
    try {
      return lockDataDir(folder);
    } catch (error) {
      if (!isCallwireError(error) || error.code !== 'DATA_DIR_LOCKED') throw error;
      if (!told) log(`${program.name} is being built by another start: waiting for it`);
      told = true;
      await sleep(LOCK_POLL_MS, undefined, { signal });
    }
  }
}

async function build(
  program: GoProgram,
  options: PreparationOptions & { go: string; installed: string },
): Promise<void> {
  const { go, installed, signal } = options;
  const cache = stackCache(process.env);
  // Beside its place, so that moving it there is one rename: no one ever sees half a program.
  const draft = await mkdtemp(join(cache, `${program.name}-building-`));
  const progress = reportProgress(program, options);
  try {
    // One package by its name: `go install tool` would also make the test phone that livekit-sip's
    // module names as a tool.
    await runGo(go, ['install', program.package], { program, draft, signal });
    const target = join(installed, '..');
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target, { recursive: true });
    renameSync(join(draft, basename(installed)), installed);
  } finally {
    progress.stop();
    rmSync(draft, { recursive: true, force: true });
  }
}

const PROGRESS_INTERVAL_MS = 1_000;

function reportProgress(
  { name, version, typicalBuildMs }: GoProgram,
  { log, progress }: PreparationOptions,
): { stop(): void } {
  const started = performance.now();
  const expectedMs = expectedBuildMs(typicalBuildMs, availableParallelism());
  log(`building ${name} ${version}, once on this machine: up to ${minutes(expectedMs)} minutes`);
  if (!progress) return { stop() {} };
  const timer = setInterval(
    () => progress(progressText(performance.now() - started, expectedMs)),
    PROGRESS_INTERVAL_MS,
  );
  return { stop: () => clearInterval(timer) };
}

/** From two cores to these. Compiling spreads over cores; linking and the largest packages do not, so it stops at eight. */
export function expectedBuildMs(typicalOnTwoCoresMs: number, cores: number): number {
  return (typicalOnTwoCoresMs * 2) / Math.min(Math.max(cores, 1), 8);
}

/** `1:10, about 2:20 left` */
export function progressText(elapsedMs: number, expectedMs: number): string {
  const left = expectedMs - elapsedMs;
  const rest = left > 0 ? `about ${minutes(left)} left` : 'longer than usual, still building';
  return `${minutes(elapsedMs)}, ${rest}`;
}

function minutes(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

const OUTPUT_LINES = 20;

function runGo(
  go: string,
  args: readonly string[],
  { program, draft, signal }: { program: GoProgram; draft: string; signal: AbortSignal },
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(go, args, {
      cwd: moduleFolder(program),
      env: { ...process.env, GOBIN: draft, GOWORK: 'off' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ends go's compilers with it: they are not its only children, but its process group.
      detached: true,
    });
    let tail: string[] = [];
    const keep = (chunk: Buffer) => {
      tail = [...tail, ...chunk.toString().split('\n').filter(Boolean)].slice(-OUTPUT_LINES);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const abort = () => {
      try {
        if (child.pid) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended in the meantime.
      }
    };
    signal.addEventListener('abort', abort, { once: true });
    child.once('error', (cause) => reject(buildFailed(program, [cause.message], cause)));
    child.once('close', (code) => {
      signal.removeEventListener('abort', abort);
      if (code === 0) resolve();
      else reject(signal.aborted ? signal.reason : buildFailed(program, tail));
    });
  });
}

function goMissing({ name }: GoProgram): CallwireError {
  return new CallwireError('STACK_GO_MISSING', `${name} has to be built, and there is no Go here`, {
    remedy: `Install Go 1.26 or newer from https://go.dev/dl/, or put ${name} on the PATH.`,
  });
}

function buildFailed(
  { name, package: path }: GoProgram,
  output: readonly string[],
  cause?: unknown,
): CallwireError {
  return new CallwireError(
    'STACK_BUILD_FAILED',
    [`${name} could not be built. Go said:`, ...output].join('\n'),
    {
      retryable: true,
      remedy:
        'Go needs the network (or a GOPROXY), version 1.26 or newer and 3 GB of disk. To see all of ' +
        `its output: cd stack/${name} && go build -o /dev/null ${path}`,
      cause,
    },
  );
}
