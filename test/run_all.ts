import { type ChildProcess, spawn } from 'node:child_process';
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

type Check = readonly [name: string, command: readonly string[]];

const CHECKS: readonly Check[] = [
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

const running = new Set<ChildProcess>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    for (const child of running) child.kill(signal);
    process.exitCode = 130;
  });
}

/** Exit code; what it prints goes to `onOutput`, without one to the terminal. */
function run(command: readonly string[], onOutput?: (text: string) => void): Promise<number> {
  const [program = '', ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: onOutput ? 'pipe' : 'inherit' });
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => onOutput?.(text));
    }
    const ended = (code: number) => {
      running.delete(child);
      resolve(code);
    };
    child.once('error', () => ended(1));
    child.once('close', (code) => ended(code ?? 1));
  });
}

async function check([name, command]: Check): Promise<Count> {
  let printed = '';
  const code = await run(command, (text) => {
    printed += text;
  });
  console.log(`\n── ${name}: ${command.join(' ')}\n${printed.trimEnd()}`);
  if (code !== 0) console.log(`── ${name}: failed`);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 };
}

/** Two beside each other: the first takes as long as all others together. */
async function checks(left: Check[]): Promise<Count[]> {
  const done: Count[] = [];
  const lane = async () => {
    for (let one = left.shift(); one; one = left.shift()) done.push(await check(one));
  };
  await Promise.all([lane(), lane()]);
  return done;
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
counts.push(...(await checks([...CHECKS])));
for (const project of ['unit', 'system', 'bench']) counts.push(await vitest(project, folder));
await rm(folder, { recursive: true, force: true });

const passed = counts.reduce((sum, count) => sum + count.passed, 0);
const failed = counts.reduce((sum, count) => sum + count.failed, 0);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : (process.exitCode ?? 0);
