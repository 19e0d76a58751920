import { logger } from '../src/config/log.ts';
import { processPool } from './process_pool.ts';

/**
 * Has a warm process that dies (out of memory, killed) replaced at once. agents-js by itself leaves it
 * in its queue: nothing is forked in its place, and the next call is given to it and lost. Must run
 * before an `AgentServer` starts; test/fault_crash.test.ts fails when agents-js changes.
 *
 * @throws `AGENTS_JS_CHANGED`
 */
export async function replaceDeadWarmProcesses(): Promise<void> {
  const pool = await processPool();
  const watch = pool.procWatchTask;
  pool.procWatchTask = async function (unlock) {
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
