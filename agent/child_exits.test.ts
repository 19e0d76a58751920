import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/*
 * The patch holds for a whole process, so each test has one of its own: a parent that forks a child
 * the way agents-js does, and prints which exits it was told.
 */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callwire-exits-'));
  await writeFile(join(folder, 'child.mjs'), 'process.on("message", () => process.exit(3));');
});
afterAll(() => rm(folder, { recursive: true }));

const CHILD_EXITS = new URL('./child_exits.ts', import.meta.url);

type Told = [pid: number, job: string | null][];

async function exitsOf(importFork: string, end: string): Promise<{ pid: number; told: Told }> {
  const parent = join(folder, `parent_${Math.random().toString(36).slice(2)}.mjs`);
  await writeFile(
    parent,
    `
${importFork}
import { onChildExit } from ${JSON.stringify(CHILD_EXITS.href)};
const told = [];
onChildExit((pid, job) => told.push([pid, job]));
const child = fork(${JSON.stringify(join(folder, 'child.mjs'))});
child.once('exit', () => setImmediate(() => console.log(JSON.stringify({ pid: child.pid, told }))));
${end}
`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [parent], { timeout: 18_000 });
  return JSON.parse(stdout);
}

describe('the exit of a forked process', () => {
  it.each([
    ['import { fork }', 'import { fork } from "node:child_process";'],
    ['without the prefix', 'import { fork } from "child_process";'],
    ['the default import', 'import cp from "node:child_process"; const fork = (f) => cp.fork(f);'],
    ['the namespace', 'import * as cp from "node:child_process"; const fork = (f) => cp.fork(f);'],
  ])('is told, however fork was imported: %s', async (_how, importFork) => {
    const { pid, told } = await exitsOf(importFork, 'child.send("exit");');
    expect(told).toEqual([[pid, null]]);
  });

  it('is told of one that was killed', async () => {
    const importFork = 'import { fork } from "node:child_process";';
    const { pid, told } = await exitsOf(importFork, 'child.kill("SIGKILL");');
    expect(told).toEqual([[pid, null]]);
  });

  const startJob = (id: string) =>
    `child.send({ case: "startJobRequest", value: { runningJob: { job: { id: "${id}" } } } });`;
  const importFork = 'import { fork } from "node:child_process";';

  it('is told with the job that the process had', async () => {
    const { pid, told } = await exitsOf(importFork, startJob('AJ_1'));
    expect(told).toEqual([[pid, 'AJ_1']]);
  });

  // agents-js keeps an idle process that died, and gives it the next job: the caller rang in vain.
  it('is told again when it is given a job behind its end', async () => {
    const end = `
child.on('error', () => {});
child.once('exit', () => { ${startJob('AJ_2')} });
child.send({ case: 'pingRequest', value: {} });`;
    const { pid, told } = await exitsOf(importFork, end);
    expect(told).toEqual([
      [pid, null],
      [pid, 'AJ_2'],
    ]);
  });
});
