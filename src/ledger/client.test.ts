import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CallwireError } from '../errors.ts';
import { newId } from '../ids.ts';
import { LedgerClient, type LedgerClientOptions } from './client.ts';
import { encodeFrame } from './frames.ts';
import { GroupCommit } from './group_commit.ts';
import { LedgerHost, type LedgerHostOptions } from './host.ts';
import { hello } from './protocol.ts';
import { recoverSpools } from './spool_recovery.ts';
import { ending, opening, utterance } from './testing/appends.ts';
import { type DataFolder, dataFolder } from './testing/data_folder.ts';
import { type FakeStore, fakeStore } from './testing/fake_store.ts';

/** Longer than any test: only the tests about the 100 ms use the spool by time. */
const NEVER = 60_000;

/** A client knocks at least once a second. */
const RECONNECT_LIMIT_MS = 3_000;

async function setUp() {
  const folder = await dataFolder();
  const fake = fakeStore();
  return { folder, fake };
}

async function listen(
  folder: DataFolder,
  fake: FakeStore,
  options: Partial<LedgerHostOptions> = {},
) {
  const lost: string[] = [];
  const commits = new GroupCommit({ store: fake.store, retryFirstMs: 1 });
  const host = await LedgerHost.listen({
    socketPath: folder.socketPath,
    store: fake.store,
    commits,
    requests: {},
    returnMs: 0,
    onCallLost: (callId) => lost.push(callId),
    ...options,
  });
  onTestFinished(() => host.close({ deadlineMs: 0 }));
  return { host, lost };
}

function connect(folder: DataFolder, options: Partial<LedgerClientOptions> = {}) {
  const callId = newId('call');
  const { socketPath, spoolDir } = folder;
  const client = new LedgerClient({ callId, lease: 1, socketPath, spoolDir, ...options });
  onTestFinished(async () => {
    await client.close({ deadlineMs: 0 });
  });
  return { client, callId: options.callId ?? callId };
}

const spools = (folder: DataFolder) => readdir(folder.spoolDir).catch(() => []);

describe('appends through the socket', () => {
  it('are committed in the order of their client, however many write at once', async () => {
    const { folder, fake } = await setUp();
    const { host } = await listen(folder, fake);
    const clients = Array.from({ length: 30 }, () => connect(folder, { spoolAfterMs: NEVER }));
    await Promise.all(
      clients.map(async ({ client, callId }) => {
        const texts = Array.from({ length: 40 }, (_, i) => utterance(callId, `${i}`));
        const all = [opening(callId), ...texts, ending(callId)];
        const where = await Promise.all(all.map((append) => client.append(append)));
        expect(new Set(where)).toEqual(new Set(['ledger']));
        const mine = (await fake.store.listCallEvents(callId)).map(({ id }) => id);
        expect(mine).toEqual(all.map(({ events }) => events[0].id));
      }),
    );
    expect(fake.batches.length).toBeLessThan(30 * 42);
    expect((await stat(folder.socketPath)).mode & 0o777).toBe(0o600);
    await host.close({ deadlineMs: 5_000 });
    await expect(stat(folder.socketPath)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await spools(folder)).toEqual([]);
  });

  it('reject with LEDGER_REFUSED where they can never succeed', async () => {
    const { folder, fake } = await setUp();
    await listen(folder, fake);
    const { client, callId } = connect(folder, { spoolAfterMs: NEVER });
    const refused = { code: 'LEDGER_REFUSED' };
    await expect(client.append(utterance(callId, 'unopened'))).rejects.toMatchObject(refused);
    const invalid = { callId, events: [{ ...ending(callId).events[0], type: '' }] };
    await expect(client.append(invalid)).rejects.toMatchObject(refused);
    const huge = utterance(callId, 'x'.repeat(2 * 1024 * 1024));
    await expect(client.append(huge)).rejects.toMatchObject(refused);
    expect(await client.append(opening(callId))).toBe('ledger');
  });

  it('cannot skip the fence by calling themselves recovered', async () => {
    const { folder, fake } = await setUp();
    await listen(folder, fake);
    const { client, callId } = connect(folder);
    await client.append(opening(callId));
    fake.steal(callId);
    const forged = { ...utterance(callId, 'late'), recovered: true };
    await expect(client.append(forged)).rejects.toMatchObject({ code: 'LEDGER_FENCED' });
  });
});

describe('a ledger that does not acknowledge', () => {
  it('is replaced by the spool, and the file goes when it does after all', async () => {
    const { folder, fake } = await setUp();
    await listen(folder, fake);
    const { client, callId } = connect(folder);
    const letGo = fake.hang();
    const started = opening(callId);
    expect(await client.append(started)).toBe('spool');
    expect(await Promise.all([1, 2].map((i) => client.append(utterance(callId, `${i}`))))).toEqual([
      'spool',
      'spool',
    ]);
    expect(await spools(folder)).toHaveLength(1);
    letGo();
    await vi.waitFor(async () => expect(await spools(folder)).toEqual([]));
    expect(fake.types(callId)).toEqual(['call.started', 'transcript.final', 'transcript.final']);
    expect(await client.append(ending(callId))).toBe('ledger');
    expect(fake.committed[0]).toBe(started.events[0].id);
  });

  it('holds up nobody while its disk is full, and has everything afterwards', async () => {
    const { folder, fake } = await setUp();
    await listen(folder, fake);
    const { client, callId } = connect(folder);
    await client.append(opening(callId));
    fake.failWith(new Error('disk full'));
    expect(await client.append(utterance(callId, 'a'))).toBe('spool');
    fake.failWith(null);
    expect(await client.append(ending(callId))).toBeTruthy();
    expect(await client.close({ deadlineMs: 10_000 })).toBe('ledger');
    expect(fake.types(callId)).toEqual(['call.started', 'transcript.final', 'call.ended']);
  });

  it('with a spool that cannot be written either is said so, and still gets the append', async () => {
    const { folder, fake } = await setUp();
    await listen(folder, fake);
    await writeFile(folder.spoolDir, 'a file where the folder should be');
    const { client, callId } = connect(folder);
    const letGo = fake.hang();
    await expect(client.append(opening(callId))).rejects.toMatchObject({
      code: 'LEDGER_UNAVAILABLE',
    });
    letGo();
    await vi.waitFor(() => expect(fake.types(callId)).toEqual(['call.started']));
  });

  it('does not fill the memory: beyond the bound only the spool has it, in order', async () => {
    const { folder, fake } = await setUp();
    await listen(folder, fake);
    const { client, callId } = connect(folder, { maxUnackedBytes: 2_000 });
    await client.append(opening(callId));
    const letGo = fake.hang();
    const all = Array.from({ length: 30 }, (_, i) => utterance(callId, `${i}`));
    for (const append of all) expect(await client.append(append)).toBe('spool');
    letGo();
    await client.append(ending(callId));
    expect(await client.close({ deadlineMs: 5_000 })).toBe('spool');
    // What stayed behind in the file is all that is missing, and nothing overtook it.
    const before = fake.committed.length;
    expect(before).toBeLessThan(30);
    await recoverSpools(fake.store, folder.spoolDir, { isAlive: () => false });
    expect(fake.committed.slice(1, -1)).toEqual(all.map(({ events }) => events[0].id));
    expect(fake.types(callId).at(-1)).toBe('call.ended');
  });
});

// A worker that was killed with its calls left callers in silence until the leases had run out, up to 30 s:
// the next one could not tell the dead calls from those that had not found it yet.
describe('a host that has just come', () => {
  it('knows who holds a call when the calls before it have had the time to come back', async () => {
    const { folder, fake } = await setUp();
    const before = await listen(folder, fake);
    const { client, callId } = connect(folder, { spoolAfterMs: NEVER });
    await client.append(opening(callId));
    const dead = newId('call');
    await fake.store.append([opening(dead)]);
    expect(await before.host.isHeld(callId)).toBe(true);
    await before.host.close({ deadlineMs: 5_000 });

    const { host } = await listen(folder, fake, { returnMs: RECONNECT_LIMIT_MS });
    // Both are asked for before anybody can have come back.
    expect(await Promise.all([host.isHeld(callId), host.isHeld(dead)])).toEqual([true, false]);
    await client.append(ending(callId));
    expect(await host.isHeld(callId)).toBe(false);
  });

  it('gives up waiting for them when it goes', async () => {
    const { folder, fake } = await setUp();
    const { host } = await listen(folder, fake, { returnMs: NEVER });
    const held = host.isHeld(newId('call'));
    await host.close({ deadlineMs: 0 });
    expect(await held).toBe(true);
  });
});

describe('a host that is not there', () => {
  // With nothing to send again, the appends after a reconnect were taken for ones with others before
  // them: none was ever sent, each went to the spool after 100 ms, and the ledger had them only when
  // the process was dead.
  it('gets what is appended after it has come back, also where nothing was waiting for it', async () => {
    const { folder, fake } = await setUp();
    const before = await listen(folder, fake);
    const { client, callId } = connect(folder, { spoolAfterMs: NEVER });
    await client.append(opening(callId));
    await before.host.close({ deadlineMs: 5_000 });
    const { host } = await listen(folder, fake);
    await vi.waitFor(async () => expect(await host.isHeld(callId)).toBe(true), { timeout: 10_000 });
    expect(await client.append(utterance(callId, 'a'))).toBe('ledger');
    expect(await client.append(ending(callId))).toBe('ledger');
  });

  it('finds everything sent again when it comes, once and in order', async () => {
    const { folder, fake } = await setUp();
    const { client, callId } = connect(folder);
    const all = [opening(callId), utterance(callId, 'a'), utterance(callId, 'b')];
    for (const append of all) expect(await client.append(append)).toBe('spool');
    await listen(folder, fake);
    await vi.waitFor(() => expect(fake.committed).toHaveLength(3));
    expect(fake.committed).toEqual(all.map(({ events }) => events[0].id));
    await vi.waitFor(async () => expect(await spools(folder)).toEqual([]));
  });

  it('and goes in the middle of a stream loses nothing and doubles nothing', async () => {
    const { folder, fake } = await setUp();
    const first = await listen(folder, fake);
    const { client, callId } = connect(folder);
    const all = [
      opening(callId),
      ...Array.from({ length: 200 }, (_, i) => utterance(callId, `${i}`)),
    ];
    const durable: Promise<string>[] = [];
    let second: Promise<unknown> | null = null;
    for (const [i, append] of all.entries()) {
      durable.push(client.append(append));
      if (i === 60) await first.host.close({ deadlineMs: 0 });
      if (i === 120) {
        expect(await durable[i]).toBe('spool');
        second = listen(folder, fake);
      }
      if (i % 10 === 0) await new Promise(setImmediate);
    }
    await second;
    await Promise.all(durable);
    expect(await client.append(ending(callId))).toBeTruthy();
    await vi.waitFor(() => expect(fake.types(callId).at(-1)).toBe('call.ended'));
    expect(fake.committed.slice(0, -1)).toEqual(all.map(({ events }) => events[0].id));
  });

  it('is left for the recovery by a client that closes meanwhile', async () => {
    const { folder, fake } = await setUp();
    const { client, callId } = connect(folder);
    const durable = Promise.all([client.append(opening(callId)), client.append(ending(callId))]);
    expect(await client.close({ deadlineMs: 10_000 })).toBe('spool');
    expect(await durable).toEqual(['spool', 'spool']);
    await expect(client.append(ending(callId))).rejects.toMatchObject({
      code: 'LEDGER_UNAVAILABLE',
    });
    await recoverSpools(fake.store, folder.spoolDir, { isAlive: () => false });
    expect(fake.types(callId)).toEqual(['call.started', 'call.ended']);
  });

  it('but something that never acknowledges is, is the same as one that hangs', async () => {
    const { folder } = await setUp();
    const server = createServer((socket) => socket.resume()).listen(folder.socketPath);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { client, callId } = connect(folder);
    expect(await client.append(opening(callId))).toBe('spool');
    expect(await client.close({ deadlineMs: 0 })).toBe('spool');
  });
});

describe('a call that was taken over', () => {
  it('stops its old process with the next append', async () => {
    const { folder, fake } = await setUp();
    await listen(folder, fake);
    const { client, callId } = connect(folder);
    await client.append(opening(callId));
    fake.steal(callId);
    await expect(client.append(ending(callId))).rejects.toMatchObject({ code: 'LEDGER_FENCED' });
    expect(client.fenced.aborted).toBe(true);
    await expect(client.append(ending(callId))).rejects.toMatchObject({ code: 'LEDGER_FENCED' });
    expect(fake.types(callId)).toEqual(['call.started']);
  });

  it('stops its old process without one, when the lease cannot be renewed', async () => {
    const { folder, fake } = await setUp();
    await listen(folder, fake, { renewEveryMs: 5 });
    const { client, callId } = connect(folder);
    await client.append(opening(callId));
    await vi.waitFor(() => expect(fake.renewed).toContain(callId));
    expect(client.fenced.aborted).toBe(false);
    fake.steal(callId);
    await vi.waitFor(() => expect(client.fenced.aborted).toBe(true));
  });

  it('keeps what the spool of the old process holds', async () => {
    const { folder, fake } = await setUp();
    const first = await listen(folder, fake);
    const { client, callId } = connect(folder);
    await client.append(opening(callId));
    await first.host.close({ deadlineMs: 0 });
    const said = utterance(callId, 'nobody heard');
    expect(await client.append(said)).toBe('spool');
    fake.steal(callId);
    await listen(folder, fake);
    await vi.waitFor(() => expect(client.fenced.aborted).toBe(true));
    await client.close({ deadlineMs: 0 });
    expect(fake.committed).not.toContain(said.events[0].id);
    await recoverSpools(fake.store, folder.spoolDir, { isAlive: () => false });
    expect(fake.committed).toContain(said.events[0].id);
  });

  it('is written on by the process that has it', async () => {
    const { folder, fake } = await setUp();
    await listen(folder, fake);
    const { client, callId } = connect(folder);
    await client.append(opening(callId));
    fake.steal(callId);
    const successor = connect(folder, { callId, lease: 2 });
    expect(await successor.client.append(ending(callId))).toBe('ledger');
  });
});

describe('leases', () => {
  it('end at once with a process that dies before its call', async () => {
    const { folder, fake } = await setUp();
    const { lost, host } = await listen(folder, fake, { graceMs: 1 });
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    onTestFinished(() => void child.kill('SIGKILL'));
    const callId = newId('call');
    const socket = createConnection(folder.socketPath);
    await once(socket, 'connect');
    socket.write(encodeFrame({ ...hello(null), pid: child.pid }));
    socket.write(encodeFrame({ t: 'append', n: 1, append: { ...opening(callId), lease: 1 } }));
    await once(socket, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    // Its last words may still be in the socket: the exit alone decides nothing.
    host.processExited(child.pid!);
    expect(lost).toEqual([]);
    socket.destroy();
    await vi.waitFor(() => expect(lost).toEqual([callId]));
    expect(fake.expired).toEqual([callId]);
  });

  it('are no longer renewed when a live process stays away, and end when it exits', async () => {
    const { folder, fake } = await setUp();
    const { lost, host } = await listen(folder, fake, { graceMs: 1, renewEveryMs: 5 });
    const { client, callId } = connect(folder);
    await client.append(opening(callId));
    await client.close({ deadlineMs: 0 });
    await vi.waitFor(() => {
      const before = fake.renewed.length;
      return new Promise<void>((resolve) => setTimeout(resolve, 25)).then(() =>
        expect(fake.renewed).toHaveLength(before),
      );
    });
    expect(lost).toEqual([]);
    host.processExited(process.pid);
    await vi.waitFor(() => expect(lost).toEqual([callId]));
  });

  it('are not missed where the call has ended', async () => {
    const { folder, fake } = await setUp();
    const { lost, host } = await listen(folder, fake, { graceMs: 1 });
    const { client, callId } = connect(folder);
    await client.append(opening(callId));
    await client.append(ending(callId));
    expect(await client.close({ deadlineMs: 5_000 })).toBe('ledger');
    host.processExited(process.pid);
    await host.close({ deadlineMs: 5_000 });
    expect(lost).toEqual([]);
    expect(fake.expired).toEqual([]);
  });

  it('go on under the next host', async () => {
    const { folder, fake } = await setUp();
    const first = await listen(folder, fake);
    const { client, callId } = connect(folder);
    await client.append(opening(callId));
    await first.host.close({ deadlineMs: 0 });
    await listen(folder, fake, { renewEveryMs: 5 });
    fake.renewed.length = 0;
    await vi.waitFor(() => expect(fake.renewed).toContain(callId));
  });
});

describe('requests', () => {
  it('are answered, with errors that keep their code', async () => {
    const { folder, fake } = await setUp();
    await listen(folder, fake, {
      requests: {
        echo: (params) => Promise.resolve(params),
        nothing: () => Promise.resolve(undefined),
        fail: () => Promise.reject(new CallwireError('CRM_TIMEOUT', 'late', { retryable: true })),
        throws: () => {
          throw new Error('a bug');
        },
      },
    });
    const { client } = connect(folder);
    const { signal } = new AbortController();
    expect(await client.request('echo', { phone: '+15550100001' }, signal)).toEqual({
      phone: '+15550100001',
    });
    expect(await client.request('nothing', undefined, signal)).toBeNull();
    await expect(client.request('fail', {}, signal)).rejects.toMatchObject({
      code: 'CRM_TIMEOUT',
      retryable: true,
    });
    await expect(client.request('throws', {}, signal)).rejects.toBeInstanceOf(CallwireError);
    for (const unknown of ['toString', '__proto__', 'takeOver']) {
      await expect(client.request(unknown, {}, signal)).rejects.toMatchObject({
        code: 'LEDGER_METHOD_UNKNOWN',
      });
    }
  });

  it('end with their signal, at the host too', async () => {
    const { folder, fake } = await setUp();
    const seen = Promise.withResolvers<AbortSignal>();
    const wait = (_: unknown, signal: AbortSignal) => {
      seen.resolve(signal);
      return new Promise(() => {});
    };
    await listen(folder, fake, { requests: { wait } });
    const { client } = connect(folder);
    const controller = new AbortController();
    const answer = client.request('wait', {}, controller.signal);
    const signal = await seen.promise;
    controller.abort(new Error('caller hung up'));
    await expect(answer).rejects.toThrow('caller hung up');
    await vi.waitFor(() => expect(signal.aborted).toBe(true));
  });

  it('reject with LEDGER_UNAVAILABLE without a host, also when it goes meanwhile', async () => {
    const { folder, fake } = await setUp();
    const { client } = connect(folder);
    const { signal } = new AbortController();
    const unavailable = { code: 'LEDGER_UNAVAILABLE' };
    await expect(client.request('echo', {}, signal)).rejects.toMatchObject(unavailable);
    const asked = Promise.withResolvers<void>();
    const wait = () => {
      asked.resolve();
      return new Promise(() => {});
    };
    const { host } = await listen(folder, fake, { requests: { wait } });
    const other = connect(folder);
    const answer = other.client.request('wait', {}, signal);
    answer.catch(() => {});
    await asked.promise;
    await host.close({ deadlineMs: 0 });
    await expect(answer).rejects.toMatchObject(unavailable);
  });
});

describe('the socket', () => {
  it.each([
    ['no JSON', 'GET / HTTP/1.1\r\n\r\n'],
    ['no greeting', encodeFrame({ t: 'append', n: 1, append: {} })],
    ['another version', encodeFrame({ ...hello(null), version: 99 })],
    ['an unknown message', encodeFrame(hello(null)) + encodeFrame({ t: 'drop tables' })],
    ['a line without an end', 'x'.repeat(1024 * 1024 + 1)],
  ])('hangs up on %s and serves the others', async (_, garbage) => {
    const { folder, fake } = await setUp();
    await listen(folder, fake);
    const { client, callId } = connect(folder);
    await client.append(opening(callId));
    const socket = createConnection(folder.socketPath);
    socket.on('error', () => {});
    socket.write(garbage);
    await once(socket, 'close');
    expect(await client.append(ending(callId))).toBe('ledger');
  });

  it('that a killed worker left behind is replaced, that of a live one is not', async () => {
    const { folder, fake } = await setUp();
    const script = `require('net').createServer().listen(${JSON.stringify(folder.socketPath)}, () => console.log('up'))`;
    const child = spawn(process.execPath, ['-e', script]);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    await expect(listen(folder, fake)).rejects.toMatchObject({ code: 'LEDGER_HOST_RUNNING' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await listen(folder, fake);
  });

  it('is not taken from a file that is none', async () => {
    const { folder, fake } = await setUp();
    const socketPath = join(folder.dataDir, 'missing', 'ledger.sock');
    await expect(listen({ ...folder, socketPath }, fake)).rejects.toMatchObject({
      code: 'LEDGER_SOCKET',
    });
  });
});
