import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CallwireError } from '../errors.ts';
import { encodeFrame } from './frames.ts';
import { hello } from './protocol.ts';
import { ending, opening } from './testing/appends.ts';
import { connect, listen, setUp } from './testing/client_and_host.ts';

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
