import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { newId } from '../ids.ts';
import { encodeFrame } from './frames.ts';
import { hello } from './protocol.ts';
import { recoverSpools } from './spool_recovery.ts';
import { ending, opening, utterance } from './testing/appends.ts';
import { connect, listen, NEVER, RECONNECT_LIMIT_MS, setUp } from './testing/client_and_host.ts';

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
