import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { WorkerProcess } from '../sim/installation/worker_process.ts';
import { processesOf } from './processes_of.ts';

/** A folder of its own to start the worker in, with whatever is in it. */
export class AgentFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** `files`: relative path → content. */
  static async make(files: Record<string, string> = {}): Promise<AgentFolder> {
    const folder = new AgentFolder(await mkdtemp(join(tmpdir(), 'callwire-start-')));
    for (const [name, content] of Object.entries(files)) await folder.write(name, content);
    return folder;
  }

  async write(name: string, content: string): Promise<void> {
    const path = join(this.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }
}

export interface FailedStart {
  /** Everything it printed: messages for people. */
  said: string;
  /** Pids that it left behind. */
  leftBehind: number[];
}

/** Starts the worker where it is expected to refuse; rejects unless it exits with 1. */
export async function failsToStart(
  folder: AgentFolder,
  env: Record<string, string> = {},
  mode: 'dev' | 'start' = 'start',
): Promise<FailedStart> {
  const mark = randomUUID();
  const worker = new WorkerProcess({
    mode,
    cwd: folder.path,
    env: { ...env, CALLWIRE_TEST_MARK: mark },
  });
  try {
    const { code } = await worker.exited();
    const said = worker.output.join('\n');
    if (code !== 1) throw new Error(`exit code ${code}: ${said}`);
    return { said, leftBehind: await processesOf(mark) };
  } finally {
    await worker.stop();
  }
}
