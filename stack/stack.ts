import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDataDir } from '../src/config/data_dir.ts';
import type { LivekitKeys } from '../src/config/livekit_keys.ts';
import { CallwireError } from '../src/errors.ts';
import { type Child, type ChildOptions, startChild } from './child.ts';
import { stackConfigs } from './configs.ts';
import {
  becomesHealthy,
  type HealthCheck,
  livekitAnswers,
  redisAnswers,
  sipAnswers,
} from './health.ts';
import { checkPorts, type StackPorts } from './ports.ts';
import { type StackPrograms, stackPrograms } from './programs.ts';
import { startWatchdog } from './watchdog.ts';

export { freePorts, type StackPorts } from './ports.ts';

export interface StackOptions {
  ports: StackPorts;
  /** Configurations (they hold the keys) and logs are written to `stack/` in here. */
  dataDir: string;
  keys: LivekitKeys;
  /** Gets LiveKit's own webhooks (rooms and participants), signed with `keys`. */
  webhookUrl?: string;
  /** A line about each step. */
  log?: (line: string) => void;
  /** Gives up the start; a stack that is up is ended by `stop`. */
  signal?: AbortSignal;
  /** What runs, where it is known already; otherwise looked up and built if need be. */
  programs?: StackPrograms;
}

export interface Stack {
  /** `ws://127.0.0.1:…` */
  url: string;
  /** Where a phone on this machine calls, UDP or TCP. */
  sip: { host: string; port: number };
  redisPort: number;
  /** The folder with the configurations and logs. */
  folder: string;
  /** livekit-sip, livekit-server, redis-server, in this order. Idempotent, never rejects. */
  stop(): Promise<void>;
  /**
   * Calls back once if a program ends by itself, when the others have been stopped:
   * `STACK_CHILD_EXITED` with the program's name and the end of its log.
   */
  onExit(callback: (error: CallwireError) => void): void;
}

/** Typical are 0.1 s, 1 s and 0.5 s; a machine that compiles beside it needs many times that. */
const HEALTHY_WITHIN_MS = 30_000;

/**
 * Starts redis-server, livekit-server and livekit-sip on the loopback interface and resolves when
 * all three answer. They die with this process, however it dies.
 *
 * @throws `STACK_PORT_TAKEN`, `STACK_CHILD_FAILED`, `STACK_CHILD_EXITED`, `STACK_NOT_HEALTHY`, and
 * what `stackPrograms` throws; nothing is left running then.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { ports, dataDir, keys, webhookUrl, log = () => {} } = options;
  const signal = options.signal ?? new AbortController().signal;

  const programs = options.programs ?? (await stackPrograms({ signal, log }));
  await checkPorts(ports);
  signal.throwIfAborted();
  const folder = join(dataDir, 'stack');
  const files = writeConfigs(dataDir, folder, stackConfigs({ ports, keys, webhookUrl }));

  const plan: (Omit<ChildOptions, 'logFile'> & { answers: HealthCheck; address: string })[] = [
    {
      name: 'redis-server',
      program: programs.redisServer,
      args: [files.redis],
      stopSignal: 'SIGTERM',
      answers: redisAnswers(ports.redisPort),
      address: `127.0.0.1:${ports.redisPort}`,
    },
    {
      name: 'livekit-server',
      program: programs.livekitServer,
      args: ['--config', files.livekitServer],
      // The first waits for participants to leave, the second does not.
      stopSignal: 'SIGTERM',
      answers: livekitAnswers(ports.livekitPort),
      address: `ws://127.0.0.1:${ports.livekitPort}`,
    },
    {
      name: 'livekit-sip',
      program: programs.livekitSip,
      args: ['--config', files.livekitSip],
      // SIGTERM would wait for the callers to hang up; SIGINT hangs up on them.
      stopSignal: 'SIGINT',
      answers: sipAnswers(ports.sipPort),
      address: `sip:127.0.0.1:${ports.sipPort}`,
    },
  ];

  const watchdog = startWatchdog();
  const children: Child[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= (async () => {
      for (const child of children.toReversed()) await child.stop();
      watchdog.release();
    })();
    return stopping;
  };

  try {
    for (const { answers, address, ...program } of plan) {
      const child = await startChild({ ...program, logFile: join(folder, `${program.name}.log`) });
      children.push(child);
      watchdog.guard(child.pid);
      await waitUntilHealthy(child, answers, signal);
      log(`${child.name} answers on ${address}`);
    }
  } catch (error) {
    await stop();
    throw error;
  }

  const death = Promise.race(children.map(async (child) => ({ child, how: await child.exited })));
  return {
    url: `ws://127.0.0.1:${ports.livekitPort}`,
    sip: { host: '127.0.0.1', port: ports.sipPort },
    redisPort: ports.redisPort,
    folder,
    stop,
    onExit(callback) {
      void death.then(async ({ child, how }) => {
        if (stopping) return;
        await stop();
        callback(await exitedError(child, how));
      });
    },
  };
}

async function waitUntilHealthy(
  child: Child,
  answers: HealthCheck,
  signal: AbortSignal,
): Promise<void> {
  const settled = new AbortController();
  const healthy = becomesHealthy(answers, {
    timeoutMs: HEALTHY_WITHIN_MS,
    signal: AbortSignal.any([signal, settled.signal]),
  });
  try {
    const outcome = await Promise.race([healthy, child.exited]);
    if (outcome === true) return;
    if (outcome !== false) throw await exitedError(child, outcome);
    throw new CallwireError(
      'STACK_NOT_HEALTHY',
      withLog(
        `${child.name} does not answer after ${HEALTHY_WITHIN_MS / 1_000} s`,
        child,
        await child.logTail(),
      ),
      { retryable: true, remedy: 'Start it again; if it stays so, the log above says why.' },
    );
  } finally {
    settled.abort();
    healthy.catch(() => {});
  }
}

async function exitedError(child: Child, how: string): Promise<CallwireError> {
  return new CallwireError(
    'STACK_CHILD_EXITED',
    withLog(`${child.name} has ended (${how})`, child, await child.logTail()),
    { retryable: true, remedy: 'The stack is stopped. Its log, above, says why.' },
  );
}

function withLog(what: string, child: Child, tail: string): string {
  return tail ? `${what}. The end of its log:\n${tail}` : `${what}; it logged nothing.`;
}

/** 0600 in a folder of 0700: the LiveKit ones hold the secret that signs every token. */
function writeConfigs(
  dataDir: string,
  folder: string,
  configs: ReturnType<typeof stackConfigs>,
): Record<keyof typeof configs, string> {
  makeDataDir(dataDir);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    // The mode above is for new files only.
    chmodSync(path, 0o600);
    return path;
  };
  return {
    redis: write('redis.conf', configs.redis),
    livekitServer: write('livekit.yaml', configs.livekitServer),
    livekitSip: write('livekit-sip.yaml', configs.livekitSip),
  };
}
