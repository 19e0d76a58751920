import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { startApi } from '../src/api/server.ts';
import { API_KEY, testApi } from '../src/api/testing/test_api.ts';
import { CALLER, endedCall } from '../src/api/testing/written_call.ts';
import { verifyPlain, verifyStandard, verifyTimestamped } from '../src/events/signatures.ts';
import {
  COMMAND_LIMIT_MS,
  commandFolder,
  runCommand,
  startCommand,
} from './testing/run_command.ts';

/** Made up. */
const SECRET = 'a-made-up-secret';

async function runningApi() {
  const { options, store, makeKey } = await testApi();
  const api = await startApi({ ...options, host: '127.0.0.1', port: 0 });
  onTestFinished(() => api.close());
  return { url: api.url, store, makeKey };
}

async function receiver() {
  const received: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({ headers: request.headers, body });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/callwire`, received };
}

it(
  'events are printed as they come, and forwarded as deliveries would be',
  async () => {
    const { url, store } = await runningApi();
    const { url: forward, received } = await receiver();
    const callId = await endedCall(store);
    const tail = startCommand(
      'events_tail',
      ['--url', url, '--after', '0', '--forward', forward, '--secret', SECRET],
      { folder: await commandFolder(), env: { API_KEY } },
    );
    await tail.printed(/call\.ended/);
    const second = await endedCall(store);
    const printed = await tail.printed(new RegExp(`call\\.ended +${second}`));
    tail.interrupt();
    expect(await tail.ended).toMatchObject({ code: 0 });

    expect(printed).toMatch(new RegExp(`  5  call\\.ended +${callId} #3  → 204\\n`));
    expect(printed).not.toContain(CALLER);
    const stored = await store.eventsAfter(0, 100);
    expect(received.map(({ body }) => body)).toEqual(stored.map(({ body }) => body));
    for (const { headers, body } of received) {
      const request = { headers, body, secrets: [SECRET] };
      expect(
        [verifyStandard, verifyTimestamped, verifyPlain].map((verify) => verify(request)),
      ).toEqual(['valid', 'valid', 'valid']);
    }
  },
  COMMAND_LIMIT_MS,
);

it(
  'whole bodies are printed for programs',
  async () => {
    const { url, store, makeKey } = await runningApi();
    await endedCall(store);
    const key = await makeKey('calls:read');
    const args = ['--url', url, '--key', key, '--after', '4', '--json'];
    const tail = startCommand('events_tail', args, { folder: await commandFolder() });
    const printed = await tail.printed(/\n/);
    expect(JSON.parse(printed)).toMatchObject({ event: 'call.ended', position: 5, sequence: 3 });
  },
  COMMAND_LIMIT_MS,
);

it(
  'what no waiting mends ends it with a remedy',
  async () => {
    const { url, makeKey } = await runningApi();
    const folder = await commandFolder();
    const tail = (...args: string[]) => runCommand('events_tail', args, { folder });
    expect(await tail('--url', url)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('API_KEY or --key'),
    });
    expect((await tail('--url', url, '--key', 'wrong')).stderr).toContain('unknown or was revoked');
    const key = await makeKey('webhooks');
    expect((await tail('--url', url, '--key', key)).stderr).toContain('calls:read');
    expect((await tail('--url', 'http://127.0.0.1:1', '--key', key)).stderr).toContain(
      'Start the worker',
    );
    expect((await tail('--forward', 'localhost:3000')).stderr).toContain('Use a whole URL');
    expect((await tail('--help')).stdout).toContain('--forward <url>');
  },
  COMMAND_LIMIT_MS,
);
