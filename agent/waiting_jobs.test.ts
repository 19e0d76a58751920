import { afterEach, expect, it } from 'vitest';
import { type ProcPool, processPool } from './process_pool.ts';
import { watchWaitingJobs } from './waiting_jobs.ts';

const pool = await processPool();
const { launchJob } = pool;
afterEach(() => {
  pool.launchJob = launchJob;
});

const INFO = { job: { id: 'AJ_1', metadata: '{}' } };

/** The pool of agents-js itself, with a queue of processes that is ours. */
function poolWith(nextProcess: Promise<{ proc: unknown; unlock: () => void }>): ProcPool {
  const parts = { procMutex: {}, warmedProcQueue: { items: [], get: () => nextProcess } };
  return Object.assign(Object.create(pool), parts) as ProcPool;
}

// A process that needed more than 15 s to start cost its caller a second agent: the job that waited for
// it was taken for one that never comes.
it('a job waits from the assignment until a process has it', async () => {
  const lost: string[] = [];
  const waiting = await watchWaitingJobs((job) => lost.push(job));
  const started = Promise.withResolvers<{ proc: unknown; unlock: () => void }>();
  const launched = poolWith(started.promise).launchJob(INFO);
  expect(waiting()).toEqual([INFO.job]);
  started.resolve({ proc: { launchJob: () => Promise.resolve() }, unlock: () => undefined });
  await launched;
  expect(waiting()).toEqual([]);
  expect(lost).toEqual([]);
});

it('a job that no process takes is lost, and waits no more', async () => {
  const lost: string[] = [];
  const waiting = await watchWaitingJobs((job) => lost.push(job));
  const proc = { launchJob: () => Promise.reject(new Error('the process has died')) };
  const launched = poolWith(Promise.resolve({ proc, unlock: () => undefined })).launchJob(INFO);
  await expect(launched).rejects.toThrow('has died');
  expect(waiting()).toEqual([]);
  expect(lost).toEqual(['AJ_1']);
});
