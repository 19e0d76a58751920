import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDataDir } from '../src/config/data_dir.ts';
import { CallwireError, isCallwireError } from '../src/errors.ts';
import { type DataDirLock, lockDataDir } from '../src/store/data_dir_lock.ts';
import type { StackConfigs } from './configs.ts';

/** `stack/` in DATA_DIR: configurations, logs and redis of the one stack that runs with it. */
export interface StackFolder {
  path: string;
  /** Where each configuration has been written. */
  configs: Record<keyof StackConfigs, string>;
  /** Lets the next stack in. */
  release(): void;
}

const FILE_NAMES: Record<keyof StackConfigs, string> = {
  redis: 'redis.conf',
  livekitServer: 'livekit.yaml',
  livekitSip: 'livekit-sip.yaml',
};

/** Throws `STACK_FOLDER_IN_USE` while another stack has it: their logs would be mixed. */
export function openStackFolder(dataDir: string, configs: StackConfigs): StackFolder {
  makeDataDir(dataDir);
  const path = join(dataDir, 'stack');
  const lock = lockFolder(path);
  try {
    return { path, configs: writeConfigs(path, configs), release: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function writeConfigs(folder: string, configs: StackConfigs): StackFolder['configs'] {
  const paths = {} as StackFolder['configs'];
  for (const name of Object.keys(FILE_NAMES) as (keyof StackConfigs)[]) {
    paths[name] = join(folder, FILE_NAMES[name]);
    // The secret in it signs every token. The mode is for new files only, so it is set again.
    writeFileSync(paths[name], configs[name], { mode: 0o600 });
    chmodSync(paths[name], 0o600);
  }
  return paths;
}

function lockFolder(path: string): DataDirLock {
  try {
    return lockDataDir(path);
  } catch (error) {
    if (!isCallwireError(error) || error.code !== 'DATA_DIR_LOCKED') throw error;
    throw new CallwireError(
      'STACK_FOLDER_IN_USE',
      `A local stack is running with this DATA_DIR: ${error.message}`,
      { remedy: 'Use that one, or end it, or start this one with another DATA_DIR.' },
    );
  }
}
