import { logger } from '../src/config/log.ts';
import { CallwireError } from '../src/errors.ts';

/** What agents-js keeps for a process that waits for a call; `unlock` lets it fork the next one. */
interface Warm {
  unlock: () => void;
}

/** Private to agents-js 1.9.0, which is pinned; test/fault_crash.test.ts fails when it changes. */
interface ProcPool {
  closed: boolean;
  warmedProcQueue: { items: Warm[] };
  procWatchTask(unlock: Warm['unlock']): Promise<void>;
}

/**
 * Has a warm process that dies (out of memory, killed) replaced at once. agents-js by itself leaves it
 * in its queue: nothing is forked in its place, and the next call is given to it and lost. Must run
 * before an `AgentServer` starts.
 *
 * @throws `AGENTS_JS_CHANGED` where agents-js has no such pool any more.
 */
export async function replaceDeadWarmProcesses(): Promise<void> {
  const file = new URL('./ipc/proc_pool.js', import.meta.resolve('@livekit/agents'));
  const { ProcPool } = (await import(file.href)) as { ProcPool?: { prototype: ProcPool } };
  const watch = ProcPool?.prototype.procWatchTask;
  if (!ProcPool || !watch) {
    throw new CallwireError('AGENTS_JS_CHANGED', 'agents-js keeps its processes in another way.', {
      remedy: 'Install the dependencies as package-lock.json has them: npm ci.',
    });
  }
  // Resolves when the process has ended.
  ProcPool.prototype.procWatchTask = async function (unlock) {
    try {
      await watch.call(this, unlock);
    } finally {
      const { items } = this.warmedProcQueue;
      const dead = items.findIndex((warm) => warm.unlock === unlock);
      if (dead !== -1 && !this.closed) {
        items.splice(dead, 1);
        unlock();
        logger('worker').warn('the warm process has died and is replaced');
      }
    }
  };
}
