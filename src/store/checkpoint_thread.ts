import { parentPort, workerData } from 'node:worker_threads';
import { type CheckpointData, keepWalShort } from './checkpoints.ts';

/** The entry of the thread that `startCheckpoints` starts. */
if (parentPort === null) throw new Error('checkpoint_thread.ts is the entry of a worker thread');
const stop = keepWalShort(workerData as CheckpointData);
parentPort.once('message', stop);
