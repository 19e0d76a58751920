import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { recoverSpools } from './spool_recovery.ts';
import { ending, opening, utterance } from './testing/appends.ts';
import { connect, listen, NEVER, setUp, spools } from './testing/client_and_host.ts';

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

describe('appends that are held', () => {
  it('share a commit, in their order', async () => {
    const { folder, fake } = await setUp();
    await listen(folder, fake);
    const { client, callId } = connect(folder, { spoolAfterMs: NEVER, holdLimitMs: NEVER });
    await client.append(opening(callId));
    const before = fake.batches.length;
    const [one, other] = [client.hold(), client.hold()];
    const appends = ['first', 'second'].map((text) => utterance(callId, text));
    const durable: Promise<unknown>[] = [];
    for (const append of appends) {
      durable.push(client.append(append));
      // Twice, as a limit that comes late would.
      one();
      await new Promise(setImmediate);
    }
    other();
    expect(await Promise.all(durable)).toEqual(['ledger', 'ledger']);
    expect(fake.batches.length).toBe(before + 1);
    expect(fake.committed.slice(1)).toEqual(appends.map(({ events }) => events[0].id));
  });

  it('are sent by themselves when nobody lets go, and by the next connection, too', async () => {
    const { folder, fake } = await setUp();
    const { host } = await listen(folder, fake);
    const { client, callId } = connect(folder, { spoolAfterMs: NEVER });
    client.hold();
    expect(await client.append(opening(callId))).toBe('ledger');
    client.hold();
    const held = client.append(utterance(callId, 'held'));
    await host.close({ deadlineMs: 0 });
    await held;
    await listen(folder, fake);
    expect(await client.append(ending(callId))).toMatch(/ledger|spool/);
    await vi.waitFor(async () => {
      expect(await fake.store.listCallEvents(callId)).toHaveLength(3);
    }, 10_000);
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
