import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../sim/installation/wait_for.ts';
import { RealtimeServer } from '../sim/realtime/server.ts';
import { processesOf } from './processes_of.ts';

const MAIN = fileURLToPath(new URL('../sim/demo/main.ts', import.meta.url));

let folder: string;
let demo: RunningDemo | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'demo-'));
  await mkdir(join(folder, 'tmp'));
});
afterEach(async () => {
  for (const pid of await processesOf(folder)) process.kill(pid, 'SIGKILL');
  await demo?.exited;
  demo = undefined;
  await rm(folder, { recursive: true, force: true });
});

interface RunningDemo {
  child: ChildProcess;
  output(): string;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** As somebody without any configuration starts it, in a folder of its own. */
function startDemo(args: string[] = [], settings: Record<string, string> = {}): RunningDemo {
  const { PATH = '', HOME = '', CALLWIRE_CACHE, XDG_CACHE_HOME } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: {
      PATH,
      HOME,
      TMPDIR: join(folder, 'tmp'),
      ...(CALLWIRE_CACHE && { CALLWIRE_CACHE }),
      ...(XDG_CACHE_HOME && { XDG_CACHE_HOME }),
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  }
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  demo = { child, output: () => chunks.join(''), exited };
  return demo;
}

/** Resolves when the output has this; rejects with the output when it ends without. */
async function shows({ output, child }: RunningDemo, text: string): Promise<void> {
  const seen = () => output().includes(text) || child.exitCode !== null;
  await waitFor(seen, { what: `"${text}" in the output`, deadlineMs: 90_000 });
  expect(output()).toContain(text);
}

async function nothingIsLeft(): Promise<void> {
  const none = async () => (await processesOf(folder)).length === 0;
  await waitFor(none, { what: 'the end of all its processes', deadlineMs: 30_000 });
}

describe('npm run demo', () => {
  it('shows a whole call without any configuration, and keeps its promises', async () => {
    const running = startDemo();
    const { code } = await running.exited;
    const output = running.output();
    expect(output).toContain('200 OK: answered');
    expect(output).toMatch(/agent +“Hi Ada Lovelace,/);
    for (const tool of ['record_intent', 'lookup_crm', 'update_crm_note', 'end_call']) {
      expect(output).toMatch(new RegExp(`tool +${tool} `));
    }
    expect(output).toMatch(/#3 intent\.recorded +→ POST \/webhooks\/intent ✓ standard ✓ time/);
    expect(output).toContain('BYE: the agent has hung up');
    expect(output).toMatch(/✓ context first +the caller was known \d+ ms before 200 OK/);
    expect(output).toMatch(/#\d+ call\.completed +→ POST \/webhooks\/call +✓ standard/);
    expect(output).toMatch(/✓ after the call +CALLBACK: Ada asked how the account stands/);
    expect(output).toMatch(/✓ events +\d+ of \d+ delivered, byte for byte, all 3 signatures/);
    expect(output).not.toContain('✗');
    // Neither colour nor redrawn lines where nobody looks at a terminal.
    expect(output).not.toContain('\u001b');
    const recording = /Recording: (.+\.wav)/.exec(output)?.[1] ?? '';
    expect(recording).toContain(folder);
    expect((await readFile(recording)).readUInt16LE(22), 'channels').toBe(2);
    expect(code).toBe(0);
    await nothingIsLeft();
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
  });

  it('stays up with --keep, says how to call in, shows further calls, ends on Ctrl-C', async () => {
    const running = startDemo(['--keep']);
    await shows(running, 'Ctrl-C ends everything.');
    const command = /npm run phone -- ([\s\S]+?20s)/.exec(running.output())?.[1] ?? '';
    const args = command
      .replaceAll(/\\\n\s+/g, '')
      .replaceAll("'", '')
      .split(/\s+/);
    const phone = fileURLToPath(new URL('../sim/phone/main.ts', import.meta.url));
    const env = { PATH: process.env.PATH ?? '', TMPDIR: join(folder, 'tmp') };
    const second = spawn(process.execPath, [phone, ...args], { cwd: folder, env, stdio: 'ignore' });
    await shows(running, 'call 2  joins the call as agent "receptionist"');
    await waitFor(() => /tool +call 2 +record_intent/.test(running.output()), {
      what: 'a tool of the second call',
      deadlineMs: 60_000,
    });
    second.kill('SIGINT');
    await once(second, 'exit');
    await shows(running, 'call 2  #4 call.ended');
    running.child.kill('SIGINT');
    expect(await running.exited).toMatchObject({ code: 0 });
    await nothingIsLeft();
  });

  it.each([
    ['the worker starts', 'model    '],
    ['the call is on', 'hears the agent'],
  ])('ends everything on Ctrl-C while %s', async (_, moment) => {
    const running = startDemo();
    await shows(running, moment);
    running.child.kill('SIGINT');
    expect(await running.exited).toMatchObject({ code: 130 });
    await nothingIsLeft();
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
  });

  it('leaves no process behind when it is killed in the middle of the call', async () => {
    const running = startDemo();
    await shows(running, 'hears the agent');
    expect((await processesOf(folder)).length).toBeGreaterThan(4);
    running.child.kill('SIGKILL');
    await running.exited;
    await nothingIsLeft();
  });

  it('says what has failed when its worker dies', async () => {
    const running = startDemo();
    await shows(running, 'hears the agent');
    const worker = Number(/worker +pid (\d+)/.exec(running.output())?.[1]);
    process.kill(worker, 'SIGKILL');
    expect(await running.exited).toMatchObject({ code: 1 });
    // The cause, not what else broke by it (the ledger is read through the worker).
    expect(running.output()).toContain('The worker was killed by SIGKILL.');
    expect(running.output()).toMatch(/Log of the worker: .+worker\.log/);
    await nothingIsLeft();
  });

  // It went on, and ended with the 486 of a worker that has no model to answer with.
  it('says that the model refuses the key, before anything is started', async () => {
    const model = await RealtimeServer.start({ scenario: '{}', apiKey: 'a-made-up-key' });
    try {
      const settings = { OPENAI_API_KEY: 'another-made-up-key', OPENAI_BASE_URL: model.url };
      const running = startDemo([], settings);
      expect(await running.exited).toMatchObject({ code: 1 });
      expect(running.output()).toContain(
        `The demo has failed: the model refused the key (HTTP 401), at ${model.url}`,
      );
      expect(running.output()).toContain('Without OPENAI_API_KEY a stand-in speaks');
      expect(running.output()).not.toContain('another-made-up-key');
      expect(running.output()).not.toMatch(/LiveKit and SIP|Log of the worker/);
      expect(await readdir(join(folder, '.callwire', 'demo'))).toEqual([]);
    } finally {
      await model.stop();
    }
  });

  it('explains itself', async () => {
    const running = startDemo(['--help']);
    expect(await running.exited).toMatchObject({ code: 0 });
    expect(running.output()).toContain('npm run demo -- --keep');
    const odd = startDemo(['--kep']);
    expect(await odd.exited).toMatchObject({ code: 1 });
    expect(odd.output()).toContain('Did you mean --keep?');
  });
}, 180_000);
