import { join } from 'node:path';
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
import { forgetLeftovers } from './redis_leftovers.ts';
import { openStackFolder } from './stack_folder.ts';
import { startWatchdog } from './watchdog.ts';

export { freePorts, type StackPorts } from './ports.ts';

export interface StackOptions {
  ports: StackPorts;
  /**
   * Configurations (they hold the keys), logs, and what redis keeps are written to `stack/` in here:
   * a stack that is started again with the same one has its trunks and dispatch rules.
   */
  dataDir: string;
  keys: LivekitKeys;
  /** Gets LiveKit's own webhooks (rooms and participants), signed with `keys`. */
  webhookUrl?: string | undefined;
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
   * When a program ends by itself the others are stopped; then this is called, with
   * `STACK_CHILD_EXITED`, the program's name and the end of its log.
   */
  onExit(callback: (error: CallwireError) => void): void;
}

interface PlannedChild extends Omit<ChildOptions, 'logFile'> {
  answers: HealthCheck;
  address: string;
  /** What to do with it before the next one is started. */
  healthy?: () => Promise<void>;
}

/** Typical are 0.1 s, 1 s and 0.5 s; a machine that compiles beside it needs many times that. */
const HEALTHY_WITHIN_MS = 30_000;

/**
 * Starts redis-server, livekit-server and livekit-sip on the loopback interface and resolves when
 * all three answer. They die with this process, however it dies.
 *
 * @throws `STACK_PORT_TAKEN`, `STACK_FOLDER_IN_USE`, `STACK_CHILD_FAILED`, `STACK_CHILD_EXITED`,
 * `STACK_NOT_HEALTHY`, `STACK_REDIS_FAILED`, and what `stackPrograms` throws; nothing is left running
 * then.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { ports, dataDir, keys, webhookUrl, log = () => {} } = options;
  const signal = options.signal ?? new AbortController().signal;

  const programs = options.programs ?? (await stackPrograms({ signal, log }));
  await checkPorts(ports);
  signal.throwIfAborted();
  const folder = openStackFolder(dataDir, stackConfigs({ ports, keys, webhookUrl }));

  const plan: PlannedChild[] = [
    {
      name: 'redis-server',
      program: programs.redisServer,
      args: [folder.configs.redis, '--dir', folder.path],
      stopSignal: 'SIGTERM',
      answers: redisAnswers(ports.redisPort),
      healthy: () => forgetLeftovers(ports.redisPort),
      address: `127.0.0.1:${ports.redisPort}`,
    },
    {
      name: 'livekit-server',
      program: programs.livekitServer,
      args: ['--config', folder.configs.livekitServer],
      // The first lets the participants leave, the second does not wait for them. One that comes in
      // the first instants of its life is forgotten (seen), so it takes a second one there as well.
      stopSignal: 'SIGTERM',
      answers: livekitAnswers(ports.livekitPort),
      address: `ws://127.0.0.1:${ports.livekitPort}`,
    },
    {
      name: 'livekit-sip',
      program: programs.livekitSip,
      args: ['--config', folder.configs.livekitSip],
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
      folder.release();
    })();
    return stopping;
  };

  try {
    for (const { answers, address, healthy, ...program } of plan) {
      const child = await startChild({
        ...program,
        logFile: join(folder.path, `${program.name}.log`),
      });
      children.push(child);
      watchdog.guard(child.pid);
      await waitUntilHealthy(child, answers, signal);
      await healthy?.();
      log(`${child.name} answers on ${address}`);
    }
  } catch (error) {
    await stop();
    signal.throwIfAborted();
    throw error;
  }

  const failure = firstExit(children).then(async ({ child, how }) => {
    if (stopping) return undefined;
    await stop();
    return exitedError(child, how);
  });
  return {
    url: `ws://127.0.0.1:${ports.livekitPort}`,
    sip: { host: '127.0.0.1', port: ports.sipPort },
    redisPort: ports.redisPort,
    folder: folder.path,
    stop,
    onExit(callback) {
      void failure.then((error) => error && callback(error));
    },
  };
}

function firstExit(children: readonly Child[]): Promise<{ child: Child; how: string }> {
  return Promise.race(children.map(async (child) => ({ child, how: await child.exited })));
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
    const what = `${child.name} does not answer after ${HEALTHY_WITHIN_MS / 1_000} s`;
    throw new CallwireError('STACK_NOT_HEALTHY', await withLog(what, child), {
      retryable: true,
      remedy: 'Start it again; if it stays so, the log above says why.',
    });
  } finally {
    settled.abort();
    healthy.catch(() => {});
  }
}

async function exitedError(child: Child, how: string): Promise<CallwireError> {
  return new CallwireError(
    'STACK_CHILD_EXITED',
    await withLog(`${child.name} has ended (${how})`, child),
    {
      retryable: true,
      remedy:
        child.name === 'redis-server'
          ? 'The stack is stopped. The log above says why; if redis cannot read what it kept, delete ' +
            'appendonlydir in the folder of the stack and run npm run sip:setup again.'
          : 'The stack is stopped. The log above says why.',
    },
  );
}

async function withLog(what: string, child: Child): Promise<string> {
  const tail = await child.logTail();
  return tail ? `${what}. The end of its log:\n${tail}` : `${what}; it logged nothing.`;
}
