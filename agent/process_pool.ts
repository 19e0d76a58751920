import { CallwireError } from '../src/errors.ts';

/** What agents-js keeps for a process that waits for a call; `unlock` lets it fork the next one. */
export interface WarmProcess {
  unlock: () => void;
}

/** Private to agents-js 1.9.0, which is pinned. */
export interface ProcPool {
  closed: boolean;
  warmedProcQueue: { items: WarmProcess[] };
  /** Resolves when the process has ended. */
  procWatchTask(unlock: WarmProcess['unlock']): Promise<void>;
  /** Resolves when a process has the job. */
  launchJob(info: { job: { id: string; metadata: string } }): Promise<void>;
}

/**
 * The pool that every `AgentServer` gives its jobs to, for what it does not tell.
 *
 * @throws `AGENTS_JS_CHANGED` where agents-js has no such pool any more.
 */
export async function processPool(): Promise<ProcPool> {
  const file = new URL('./ipc/proc_pool.js', import.meta.resolve('@livekit/agents'));
  const { ProcPool } = (await import(file.href)) as { ProcPool?: { prototype: ProcPool } };
  if (!ProcPool?.prototype.procWatchTask || !ProcPool.prototype.launchJob) {
    throw new CallwireError('AGENTS_JS_CHANGED', 'agents-js keeps its processes in another way.', {
      remedy: 'Install the dependencies as package-lock.json has them: npm ci.',
    });
  }
  return ProcPool.prototype;
}
