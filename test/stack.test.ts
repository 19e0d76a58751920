import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Phone } from '../sim/phone/phone.ts';
import type { CallwireError } from '../src/errors.ts';
import { provisionInbound } from '../src/telephony/inbound_trunk.ts';
import { livekitApi } from '../src/telephony/livekit_api.ts';
import { checkPorts } from '../stack/ports.ts';
import { stackPrograms } from '../stack/programs.ts';
import { freePorts, type Stack, type StackPorts, startStack } from '../stack/stack.ts';

const KEYS = { apiKey: 'APItest', apiSecret: 'a-made-up-secret-for-tests-of-the-stack' };

const WISH = {
  allowedAddresses: [],
  username: undefined,
  password: undefined,
  agentName: 'nobody',
  open: true,
};

interface Process {
  pid: number;
  command: string;
}

function childrenOf(parent: number): Process[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null)
    .filter(([, , ppid, command]) => Number(ppid) === parent && !command!.startsWith('ps '))
    .map(([, pid, , command]) => ({ pid: Number(pid), command: command! }));
}

function isAlive({ pid }: Process): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('the local stack', () => {
  let dataDir: string;
  let ports: StackPorts;
  let stack: Stack | undefined;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'callwire-stack-test-'));
    ports = await freePorts({ calls: 2 });
  });
  afterEach(async () => {
    await stack?.stop();
    stack = undefined;
    await rm(dataDir, { recursive: true, force: true });
  });

  const start = () => startStack({ ports, dataDir, keys: KEYS });

  it('answers API calls that are signed with its keys, and refuses others', async () => {
    stack = await start();
    expect(await livekitApi({ url: stack.url, ...KEYS }).rooms.listRooms()).toEqual([]);
    const stranger = livekitApi({ url: stack.url, ...KEYS, apiSecret: 'another-made-up-secret' });
    await expect(stranger.rooms.listRooms()).rejects.toMatchObject({ status: 401 });
  });

  it('keeps its keys in files that only their owner reads', async () => {
    stack = await start();
    for (const file of ['livekit.yaml', 'livekit-sip.yaml', 'livekit-sip.log']) {
      expect((await stat(join(stack.folder, file))).mode & 0o777).toBe(0o600);
    }
    expect((await stat(stack.folder)).mode & 0o777).toBe(0o700);
  });

  // They were gone with every restart, and the phone rang into the void until somebody remembered.
  it('has its trunks and rules again at the next start, however it ended, and no dead rooms', async () => {
    stack = await start();
    const livekit = livekitApi({ url: stack.url, ...KEYS });
    await provisionInbound(livekit.sip, { ...WISH, numbers: ['+15550108000'] });
    await livekit.rooms.createRoom({ name: 'left-behind', emptyTimeout: 3_600 });
    const trunks = await livekit.sip.listSipInboundTrunk();
    const rules = await livekit.sip.listSipDispatchRule();
    const programs = childrenOf(process.pid).filter(({ command }) =>
      /redis-server|livekit/.test(command),
    );
    const exit = new Promise((resolve) => stack!.onExit(resolve));
    for (const { pid } of programs) process.kill(pid, 'SIGKILL');
    await exit;

    stack = await start();
    expect(await livekit.sip.listSipInboundTrunk()).toEqual(trunks);
    expect(await livekit.sip.listSipDispatchRule()).toEqual(rules);
    expect(await livekit.rooms.listRooms()).toEqual([]);
    // A new room of the old name is a room like any other.
    await livekit.rooms.createRoom({ name: 'left-behind' });
    await livekit.rooms.deleteRoom('left-behind');
    await stack.stop();

    stack = await start();
    const again = await provisionInbound(livekit.sip, { ...WISH, numbers: ['+15550108000'] });
    expect(again).toMatchObject({
      trunk: { id: trunks[0]?.sipTrunkId, outcome: 'unchanged' },
      rule: { id: rules[0]?.sipDispatchRuleId, outcome: 'unchanged' },
    });
    const phone = await Phone.open({ host: '127.0.0.1', port: 0, number: '+15550108001' });
    try {
      const call = await phone.dial({ proxy: stack.sip, to: '+15550108000' });
      await vi.waitUntil(async () => (await livekit.rooms.listRooms()).length === 1, {
        timeout: 10_000,
      });
      await call.cancel();
    } finally {
      await phone.close();
    }
  });

  it('leaves no process and no port behind when it is stopped', async () => {
    const before = childrenOf(process.pid).map(({ pid }) => pid);
    stack = await start();
    const started = childrenOf(process.pid).filter(({ pid }) => !before.includes(pid));
    expect(started).toHaveLength(4); // three programs and their watchdog
    await stack.stop();
    await vi.waitUntil(() => !started.some(isAlive), { timeout: 5_000 });
    await checkPorts(ports);
  });

  it('names every taken port with its setting before anything is started', async () => {
    const squatter = createServer().listen(ports.sipPort, '127.0.0.1');
    await once(squatter, 'listening');
    try {
      const before = childrenOf(process.pid).length;
      await expect(start()).rejects.toMatchObject({
        code: 'STACK_PORT_TAKEN',
        message: expect.stringContaining(`TCP port ${ports.sipPort} is taken (STACK_SIP_PORT)`),
      });
      expect(childrenOf(process.pid)).toHaveLength(before);
    } finally {
      squatter.close();
    }
  });

  it('refuses a second stack with the same DATA_DIR', async () => {
    stack = await start();
    const second = startStack({ ports: await freePorts({ calls: 2 }), dataDir, keys: KEYS });
    await expect(second).rejects.toMatchObject({ code: 'STACK_FOLDER_IN_USE' });
  });

  it('says which program ended, with the end of its log, and stops the others', async () => {
    stack = await start();
    const exit = new Promise<CallwireError>((resolve) => stack!.onExit(resolve));
    const redis = childrenOf(process.pid).find(({ command }) =>
      command.includes(`127.0.0.1:${ports.redisPort}`),
    );
    process.kill(redis!.pid, 'SIGTERM');
    const error = await exit;
    expect(error.code).toBe('STACK_CHILD_EXITED');
    expect(error.message).toMatch(/^redis-server has ended \(exit code 0\)/);
    expect(error.message).toContain('Received SIGTERM');
    await checkPorts(ports);
  });

  it('shows why a program does not start, and leaves nothing running', async () => {
    const signal = new AbortController().signal;
    const programs = { ...(await stackPrograms({ signal, log() {} })), livekitServer: '/bin/ls' };
    await expect(startStack({ ports, dataDir, keys: KEYS, programs })).rejects.toMatchObject({
      code: 'STACK_CHILD_EXITED',
      message: expect.stringMatching(/^livekit-server has ended .*log:\n.*option/s),
    });
    await checkPorts(ports);
  });

  it('gives up a start that is aborted', async () => {
    const interrupted = new AbortController();
    const reason = new Error('enough');
    const log = () => interrupted.abort(reason); // with the first line, when redis is up
    await expect(
      startStack({ ports, dataDir, keys: KEYS, log, signal: interrupted.signal }),
    ).rejects.toBe(reason);
    await checkPorts(ports);
  });

  describe('as npm run stack', () => {
    async function startCommand() {
      const { livekitPort, rtcTcpPort, rtcUdpPort, sipPort, redisPort, rtpPorts } = ports;
      const command = spawn(process.execPath, ['stack/main.ts'], {
        env: {
          ...process.env,
          DATA_DIR: dataDir,
          STACK_LIVEKIT_PORT: String(livekitPort),
          STACK_RTC_PORTS: `${rtcTcpPort}-${rtcUdpPort}`,
          STACK_SIP_PORT: String(sipPort),
          STACK_REDIS_PORT: String(redisPort),
          STACK_RTP_PORTS: `${rtpPorts.from}-${rtpPorts.to}`,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      command.stdout.on('data', (chunk) => {
        output += chunk;
      });
      await vi.waitUntil(() => output.includes('Ctrl-C ends the stack'), { timeout: 60_000 });
      expect(output).toContain(`sip:127.0.0.1:${sipPort}`);
      return { command, started: childrenOf(command.pid!) };
    }

    it('ends its programs on SIGTERM', async () => {
      const { command, started } = await startCommand();
      command.kill('SIGTERM');
      await once(command, 'exit');
      expect(command.exitCode).toBe(143);
      await vi.waitUntil(() => !started.some(isAlive), { timeout: 5_000 });
      await checkPorts(ports);
    });

    it('takes its programs with it when it is killed', async () => {
      const { command, started } = await startCommand();
      expect(started).toHaveLength(4);
      command.kill('SIGKILL');
      await once(command, 'exit');
      await vi.waitUntil(() => !started.some(isAlive), { timeout: 5_000 });
      await checkPorts(ports);
      stack = await start(); // and its DATA_DIR is free again
    });
  });
});
