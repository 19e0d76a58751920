import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const renderer = new URL('./prepare.ts', import.meta.url).pathname;

describe('the progress of a build, on a terminal', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'callwire-prepare-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  // The first start on a new machine built for minutes and then threw while it printed "done": the
  // timer had no `format`, which only the renderer for terminals asks for.
  it('can say that a program is done', async () => {
    const script = join(folder, 'show.mjs');
    await writeFile(
      script,
      `import { Listr } from ${JSON.stringify(import.meta.resolve('listr2'))};
       import { progressOptions } from ${JSON.stringify(renderer)};
       const task = { title: 'a program', task: () => new Promise((done) => setTimeout(done, 50)) };
       await new Listr([task], progressOptions()).run();
       console.log('all done');`,
    );
    // `script` runs it with a terminal of its own.
    const command = `${process.execPath} ${script}`;
    const { stdout } = await run('script', ['-qec', command, '/dev/null']);
    expect(stdout).toContain('all done');
  });
});
