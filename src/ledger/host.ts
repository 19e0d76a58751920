import { chmod, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { logger } from '../config/log.ts';
import { CallwireError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { GroupCommit } from './group_commit.ts';
import { type ADMIN_METHODS, HostSession, type RequestHandlers } from './host_session.ts';
import { LeaseKeeper } from './leases.ts';

export interface LedgerHostOptions {
  /** From `socketPath(DATA_DIR)`. */
  socketPath: string;
  store: Pick<Store, (typeof ADMIN_METHODS)[number] | 'renewLeases' | 'expireLeases'>;
  /** Shared with the worker's own `LocalLedger`: one batch is in flight, whoever wrote it. */
  commits: GroupCommit;
  /** What call processes may ask, by method. */
  requests: RequestHandlers;
  /** The process of a call that had not ended is dead; its lease is over. Must not throw. */
  onCallLost: (callId: string) => void;
  /** (Default: 10 s) */
  renewEveryMs?: number;
  /** How long a live process may be without its socket before its lease is left to run out. (Default: 1 s) */
  graceMs?: number;
  /** How long calls have to come back to a new host before they count as held by nobody. (Default: 3 s) */
  returnMs?: number;
}

/**
 * After so long every live call process has found a new host: it knocks at least once a second
 * (`client.ts`), and a host that is busy answers within two.
 */
const RETURN_MS = 3_000;

/**
 * The ledger's end in the worker: listens on the socket, commits what the call processes append,
 * keeps their leases and answers their requests. Only the holder of DATA_DIR's lock may make one;
 * the socket is not what keeps a second worker out.
 */
export class LedgerHost {
  readonly #server: Server;
  readonly #sessions = new Set<HostSession>();
  readonly #leases: LeaseKeeper;
  readonly #closing = new AbortController();
  #returned: Promise<void> = Promise.resolve();

  private constructor(options: LedgerHostOptions) {
    this.#leases = new LeaseKeeper({
      store: options.store,
      onLost: options.onCallLost,
      onFenced: ({ callId }, connection) => (connection as HostSession).fence(callId),
      ...(options.renewEveryMs === undefined ? {} : { renewEveryMs: options.renewEveryMs }),
      ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
    });
    this.#server = createServer((socket: Socket) => {
      this.#sessions.add(
        new HostSession({
          socket,
          store: options.store,
          commits: options.commits,
          leases: this.#leases,
          requests: options.requests,
          onClose: (session) => this.#sessions.delete(session),
        }),
      );
    });
  }

  /** Rejects with `LEDGER_HOST_RUNNING` when another worker answers there, `LEDGER_SOCKET` otherwise. */
  static async listen(options: LedgerHostOptions): Promise<LedgerHost> {
    const { socketPath } = options;
    await removeStaleSocket(socketPath);
    const host = new LedgerHost(options);
    try {
      await new Promise<void>((resolve, reject) => {
        host.#server.once('error', reject);
        host.#server.listen({ path: socketPath, exclusive: true }, resolve);
      });
      // Until here the umask decides; connecting takes the right to write, which no sane one gives.
      await chmod(socketPath, 0o600);
    } catch (cause) {
      await host.#leases.close();
      host.#server.close();
      throw socketError(socketPath, cause);
    }
    const { signal } = host.#closing;
    host.#returned = sleep(options.returnMs ?? RETURN_MS, undefined, { signal, ref: false }).catch(
      () => undefined,
    );
    host.#server.on('error', (err) => logger('ledger').error({ err }, 'ledger socket failed'));
    return host;
  }

  /** For the sweep: what its processes hold is held, whatever became of the clock meanwhile. */
  renewLeases(): Promise<void> {
    return this.#leases.renew();
  }

  /**
   * Whether a process that lives has this call. Answers only when the calls of the worker before,
   * if any are left, have had the time to come back.
   */
  async isHeld(callId: string): Promise<boolean> {
    await this.#returned;
    return this.#closing.signal.aborted || this.#leases.holds(callId);
  }

  /** The worker has seen this call process exit. */
  processExited(pid: number): void {
    this.#leases.processExited(pid);
  }

  /**
   * Takes no more connections, answers what has been read, for at most `deadlineMs`, and hangs up.
   * Leases are not given back: the calls may go on under the next worker. `commits` and the store
   * are closed by whoever made them, after this.
   */
  async close({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#closing.abort();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#leases.close();
    const deadline = AbortSignal.timeout(deadlineMs);
    await Promise.all([...this.#sessions].map((session) => session.close(deadline)));
    await closed;
  }
}

async function removeStaleSocket(path: string): Promise<void> {
  const answer = await knock(path);
  if (answer === 'alive') {
    throw new CallwireError('LEDGER_HOST_RUNNING', `Another worker already listens on ${path}.`, {
      remedy: 'Stop that worker, or give this one another DATA_DIR.',
    });
  }
  if (answer === 'absent') return;
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw socketError(path, error);
  });
}

/** `dead`: the file is there and nobody listens, which is what a killed worker leaves behind. */
function knock(path: string): Promise<'alive' | 'dead' | 'absent'> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve('alive');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve('absent');
      else if (error.code === 'ECONNREFUSED') resolve('dead');
      // EAGAIN: the queue of a live listener is full.
      else if (error.code === 'EAGAIN') resolve('alive');
      else reject(socketError(path, error));
    });
  });
}

function socketError(path: string, cause: unknown): CallwireError {
  return new CallwireError('LEDGER_SOCKET', `The ledger cannot listen on ${path}.`, {
    remedy: 'Check who owns the file and its folder, and remove the file if no worker runs.',
    cause,
  });
}
