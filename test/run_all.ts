import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * `npm test`: the static checks, the unit tests, the running system, a small run of the bench, and last
 * a line that counts them: `N passed, N failed`. Everything runs even where something before it failed.
 */
interface Count {
  passed: number;
  failed: number;
}

const CHECKS: readonly (readonly [string, readonly string[]])[] = [
  ['types', ['tsc', '--noEmit']],
  ['style', ['biome', 'check', '.']],
  [
    'layers',
    // biome-ignore format: the folders are one list
    ['depcruise', '--config', '.dependency-cruiser.cjs', 'agent', 'client', 'src', 'sim', 'stack', 'bench'],
  ],
  ['configuration reference', ['node', 'src/config/generate_reference.ts', '--check']],
  ['event catalogue', ['node', 'src/events/generate_catalogue.ts', '--check']],
  ['OpenAPI file', ['node', 'src/api/generate_openapi.ts', '--check']],
  ['client', ['node', 'client/generator/generate.ts', '--check']],
  ['guides', ['node', 'agent/generate_guides.ts', '--check']],
];

let running: ReturnType<typeof spawn> | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    running?.kill(signal);
    process.exitCode = 130;
  });
}

function run(command: readonly string[]): Promise<number> {
  const [program = '', ...args] = command;
  return new Promise((resolve) => {
    running = spawn(program, args, { stdio: 'inherit' });
    running.once('error', () => resolve(1));
    running.once('exit', (code) => resolve(code ?? 1));
  });
}

async function check(name: string, command: readonly string[]): Promise<Count> {
  console.log(`\n── ${name}: ${command.join(' ')}`);
  const ok = (await run(command)) === 0;
  if (!ok) console.log(`── ${name}: failed`);
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1 };
}

async function vitest(project: string, folder: string): Promise<Count> {
  console.log(`\n── ${project} tests`);
  const report = join(folder, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await run(['vitest', 'run', '--project', project, ...reporters]);
  try {
    const result = JSON.parse(await readFile(report, 'utf8'));
    const failed: number = result.numFailedTests + result.numPendingTests;
    // A file that does not load, or an unhandled error, fails the run without a failed test.
    return { passed: result.numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

const folder = await mkdtemp(join(tmpdir(), 'callwire-test-'));
const counts: Count[] = [];
for (const [name, command] of CHECKS) counts.push(await check(name, command));
for (const project of ['unit', 'system', 'bench']) counts.push(await vitest(project, folder));
await rm(folder, { recursive: true, force: true });

const passed = counts.reduce((sum, count) => sum + count.passed, 0);
const failed = counts.reduce((sum, count) => sum + count.failed, 0);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : (process.exitCode ?? 0);
