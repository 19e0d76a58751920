import { spawn } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CallwireError, isCallwireError } from '../src/errors.ts';
import { type DataDirLock, lockDataDir } from '../src/store/data_dir_lock.ts';
import { reportProgress } from './build_progress.ts';
import { cachedProgram, type GoProgram, moduleFolder, stackCache } from './go_program.ts';
import { findOnPath, isProgram } from './path_lookup.ts';
import { installSystemPackages, type PreparationOptions } from './system_packages.ts';

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

const LOCK_POLL_MS = 500;

/** An OS lock, which a build that was killed does not leave behind. */
async function lockBuilds(
  program: GoProgram,
  { signal, log }: PreparationOptions,
): Promise<DataDirLock> {
  const folder = join(stackCache(), `${program.name}.lock`);
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
  // In the cache, so that moving it to its place is one rename: no one ever sees half a program.
  // What a killed build left there goes; its lock is ours now.
  const draft = join(stackCache(), `${program.name}-building`);
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  const progress = reportProgress(program, options);
  try {
    // One package by its name: `go install tool` would also make the test phone that livekit-sip's
    // module names as a tool.
    await runGo(go, ['install', program.package], { program, draft, signal });
    mkdirSync(dirname(installed), { recursive: true });
    renameSync(join(draft, basename(installed)), installed);
  } finally {
    progress.stop();
    rmSync(draft, { recursive: true, force: true });
  }
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
