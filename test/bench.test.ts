import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resultSchema } from '../bench/result.ts';

const MAIN = fileURLToPath(new URL('../bench/main.ts', import.meta.url));

describe('npm run bench', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'callwire-bench-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('measures every line and writes the result, whatever the numbers are', async () => {
    const out = join(folder, 'result.json');
    const bench = spawn(process.execPath, [MAIN, '--pairs', '1', '--quick', '--out', out], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    for (const stream of [bench.stdout, bench.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
      });
    }
    const [code] = await once(bench, 'exit');
    expect(code, printed).toBe(0);

    const { lines } = resultSchema.parse(JSON.parse(await readFile(out, 'utf8')));
    const measured = new Set(lines.map(({ measurement }) => measurement));
    expect([...measured].sort()).toEqual([
      'answering',
      'backlog',
      'calls-api',
      'dialling',
      'events',
      'hooks',
      'ingest',
      'isolation',
      'ledger',
      'load',
      'memory',
      'throughput',
      'tools',
      'turns',
    ]);
    expect(lines.filter(({ value, n }) => value === null || n === 0)).toEqual([]);
    for (const { what } of lines) expect(printed).toContain(what);
  }, 300_000);
});
