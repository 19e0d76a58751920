import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Phone } from './phone.ts';
import { tone } from './speech.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** The command line of the phone, as its user starts it. */
function start(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const running = { child, output: '', exited: once(child, 'exit') };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      running.output += text;
    });
  }
  return running;
}

async function listening(phone: ReturnType<typeof start>): Promise<{ host: string; port: number }> {
  const address = () => /listening on (\S+):(\d+)/.exec(phone.output);
  await expect.poll(address, { timeout: 15_000 }).not.toBeNull();
  const [, host = '', port = ''] = address()!;
  return { host, port: Number(port) };
}

async function caller(): Promise<Phone> {
  const phone = await Phone.open({ host: '127.0.0.1', port: 0, number: '+15550100001' });
  onTestFinished(() => phone.close());
  return phone;
}

describe('npm run phone', () => {
  test('calls the local stack where its settings say it listens', async () => {
    // On another port it rang nowhere for half a minute.
    const port = process.env.STACK_SIP_PORT;
    process.env.STACK_SIP_PORT = '25060';
    onTestFinished(() => {
      if (port === undefined) delete process.env.STACK_SIP_PORT;
      else process.env.STACK_SIP_PORT = port;
    });
    const phone = start('--help');
    await phone.exited;
    expect(phone.output).toContain('127.0.0.1:25060');
  });
});

describe('npm run phone -- answer', () => {
  test('takes calls, tells of them, records them, and ends on Ctrl-C', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'callwire-phone-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const phone = start('answer', '--port', '0', '--answer-after', '50ms', '--record', folder);
    const call = await (await caller()).dial({ proxy: await listening(phone), to: '+15550100200' });
    await call.answered();
    await call.play(tone(440, 200));
    await call.hangUp();
    await expect.poll(() => phone.output).toContain('recorded in');
    expect(phone.output).toContain('1  from +15550100001 to +15550100200');
    expect(phone.output).toMatch(/1 +\d+\.\d{3} {2}ringing 180\n1 +\d+\.\d{3} {2}answered 200/);
    expect(phone.output).toContain('ended by them');
    expect(await readdir(folder)).toEqual([expect.stringMatching(/-1\.wav$/)]);
    phone.child.kill('SIGINT');
    expect(await phone.exited).toEqual([0, null]);
  });

  test('can be somebody who is busy', async () => {
    const phone = start('answer', '--port', '0', '--as', 'busy');
    const call = await (await caller()).dial({ proxy: await listening(phone), to: '+15550100200' });
    expect(await call.ended()).toMatchObject({ by: 'rejected', status: 486 });
  });

  test('says what is wrong with an option', async () => {
    const phone = start('answer', '--as', 'nobody');
    expect(await phone.exited).toEqual([1, null]);
    expect(phone.output).toMatch(/person.*busy[\s\S]*--help/);
  });
});

test('npm run phone without a command dials', async () => {
  const callee = start('answer', '--port', '0', '--answer-after', '50ms');
  const { host, port } = await listening(callee);
  const args = ['--to', '+15550100200', '--hang-up-after', '300ms'];
  const phone = start('--proxy', `${host}:${port}`, ...args);
  expect(await phone.exited).toEqual([0, null]);
  expect(phone.output).toMatch(/answered 200[\s\S]*ended by us/);
});
