import { stat } from 'node:fs/promises';
import type { Settings } from '../../src/config/settings.ts';
import { processAlive } from '../../src/ledger/process_alive.ts';
import { readDataDirHolder } from '../../src/store/data_dir_lock.ts';
import type { Check, Observation } from './finding.ts';
import { freeMegabytes, isWritable } from './folder_probe.ts';

/** The database of a busy day is some ten MB; with less than this it may be full tomorrow. */
const LITTLE_SPACE_IN_MB = 500;

/** DATA_DIR can be written to, is nobody else's business, and who holds it. */
export function dataDirCheck({ dataDir }: Pick<Settings, 'dataDir'>): Check {
  return {
    name: 'data_dir',
    look: async () => {
      const folder = await stat(dataDir).catch(() => null);
      if (!folder) return { status: 'ok', message: `${dataDir} will be made by the first start` };
      if (!folder.isDirectory() || !(await isWritable(dataDir))) {
        return {
          status: 'problem',
          message: `${dataDir} cannot be written to`,
          remedy: 'Set DATA_DIR to a folder that this user owns.',
        };
      }
      const observations = [holderOf(dataDir)];
      if ((folder.mode & 0o077) !== 0) {
        observations.push({
          status: 'warning',
          message: `${dataDir} is open to other users of this machine`,
          remedy: `chmod 700 ${dataDir}`,
        });
      }
      const megabytes = await freeMegabytes(dataDir);
      if (megabytes < LITTLE_SPACE_IN_MB) {
        observations.push({
          status: 'warning',
          message: `only ${megabytes} MB are free where ${dataDir} is`,
          remedy: 'Make room: a full disk stops the ledger, and with it every call.',
        });
      }
      return observations;
    },
  };
}

/** It is the lock that decides; taking it, even for a moment, could keep a worker from starting. */
function holderOf(dataDir: string): Observation {
  const holder = readDataDirHolder(dataDir);
  if (!holder || !processAlive(holder.pid)) {
    return { status: 'ok', message: `${dataDir} can be written to, and no worker holds it` };
  }
  const { command, pid, since } = holder;
  return {
    status: 'ok',
    message: `${dataDir} is held by "${command}" (pid ${pid}, since ${since})`,
  };
}
