import { processPool } from './process_pool.ts';

/** A job that LiveKit has given to this worker, as far as is asked of it. */
export interface WaitingJob {
  id: string;
  metadata: string;
}

/**
 * The jobs that wait for a process. agents-js starts one process at a time, and on a busy machine a
 * job waits for far longer than one that never comes takes to be given up: taken for that, its
 * caller was dispatched again, and the second job waited behind the first. Must run before an
 * `AgentServer` starts.
 *
 * @param lost Told of a job that no process could be given.
 * @throws `AGENTS_JS_CHANGED`
 */
export async function watchWaitingJobs(
  lost: (job: string) => void,
): Promise<() => readonly WaitingJob[]> {
  const pool = await processPool();
  const launch = pool.launchJob;
  const waiting = new Map<string, WaitingJob>();
  pool.launchJob = async function (info) {
    const { id, metadata } = info.job;
    waiting.set(id, { id, metadata });
    try {
      await launch.call(this, info);
    } catch (error) {
      lost(id);
      throw error;
    } finally {
      waiting.delete(id);
    }
  };
  return () => [...waiting.values()];
}
