import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { TestClient } from './test_client.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const scenario = (name: string) =>
  fileURLToPath(new URL(`./scenarios/${name}.yaml`, import.meta.url));

type Child = ChildProcessByStdio<null, Readable, Readable>;

const running: Child[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

function run(...args: string[]): Child {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  return child;
}

/** Waits for a line without closing the pipe behind it: the child goes on printing. */
function untilPrinted(child: Child, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += String(chunk);
      const found = pattern.exec(printed)?.[1];
      if (found) resolve(found);
    });
    child.once('exit', () => reject(new Error(`ended without ${pattern}: ${printed}`)));
  });
}

async function exitCode(child: Child): Promise<number | null> {
  if (child.exitCode === null) await once(child, 'exit');
  return child.exitCode;
}

describe('the command', () => {
  it('serves a scenario, says where, and ends on SIGTERM', async () => {
    const child = run('--scenario', scenario('keypad'), '--port', '0', '--api-key', 'sk-made-up');
    const url = await untilPrinted(child, /listening on (\S+)/);
    const client = await TestClient.open(url, { apiKey: 'sk-made-up' });
    await client.until('session.created');
    child.kill('SIGTERM');
    await client.untilClosed();
    expect(await exitCode(child)).toBe(0);
  });

  it('explains itself and its mistakes', async () => {
    expect(await text(run('--help').stdout)).toContain('--scenario <file.yaml>');
    const child = run('--scenario', '/nowhere/at/all.yaml');
    expect(await text(child.stderr)).toContain('cannot read the scenario');
    expect(await exitCode(child)).toBe(1);
    const wrong = run('--scenario', scenario('keypad'), '--fault', 'explode');
    expect(await text(wrong.stderr)).toContain('A fault is one of refuse');
    expect(await exitCode(wrong)).toBe(1);
  });
});
