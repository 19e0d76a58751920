import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startApi } from '../src/api/server.ts';
import { API_KEY, testApi } from '../src/api/testing/test_api.ts';
import { CALLER, endedCall } from '../src/api/testing/written_call.ts';
import { verifyPlain, verifyStandard, verifyTimestamped } from '../src/events/signatures.ts';
import { GroupCommit } from '../src/ledger/group_commit.ts';
import { LedgerHost } from '../src/ledger/host.ts';
import { openStore } from '../src/ledger/open_store.ts';
import { socketPath } from '../src/ledger/socket_path.ts';
import { receiverServer } from './testing/receiver_server.ts';
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

/** What the commands of this machine speak to: a worker's store behind its socket. */
async function localWorker(folder: string) {
  const dataDir = join(folder, 'data');
  const store = await openStore({ dataDir, defaultEndpoint: null });
  const host = await LedgerHost.listen({
    socketPath: await socketPath(dataDir),
    store,
    commits: new GroupCommit({ store }),
    requests: {},
    onCallLost: () => {},
  });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= host.close({ deadlineMs: 1_000 }).then(() => store.close());
    return stopped;
  };
  onTestFinished(stop);
  return { store, stop };
}

async function receiver() {
  const { url, received } = await receiverServer(() => 204);
  return { url, received, bodies: () => received.map(({ body }) => body.toString()) };
}

it(
  'events are printed as they come, and forwarded as deliveries would be',
  async () => {
    const { url, store } = await runningApi();
    const { url: forward, received, bodies } = await receiver();
    const callId = await endedCall(store);
    const tail = startCommand(
      'events_tail',
      ['--url', url, '--after', '0', '--forward', forward.href, '--secret', SECRET],
      { folder: await commandFolder(), env: { API_KEY } },
    );
    await tail.printed(/call\.ended/);
    const second = await endedCall(store);
    const printed = await tail.printed(new RegExp(`call\\.ended +${second}`));
    tail.interrupt();
    expect(await tail.ended).toMatchObject({ code: 0 });

    expect(printed).toMatch(new RegExp(`  4  transcript\\.final +${callId}\\n`));
    expect(printed).toMatch(new RegExp(`  5  call\\.ended +${callId} #3  → 204\\n`));
    expect(printed).not.toContain(CALLER);
    // Transcripts go to those who name them, which the receiver of everything else does not.
    const stored = await store.eventsAfter(0, 100);
    const others = stored.filter(({ type }) => type !== 'transcript.final');
    expect(bodies()).toEqual(others.map(({ body }) => body));
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
  'a port is enough to forward to, and .env to sign with; transcripts on demand, redacted never',
  async () => {
    const { url, store } = await runningApi();
    const { url: forward, received, bodies } = await receiver();
    await store.redactCall(await endedCall(store));
    const callId = await endedCall(store);
    const folder = await commandFolder();
    await writeFile(join(folder, '.env'), `API_KEY=${API_KEY}\nWEBHOOK_SECRET=${SECRET}\n`);
    const args = ['--url', url, '--after', '0', '--transcripts', '--forward', forward.port];
    const tail = startCommand('events_tail', args, { folder });
    await tail.printed(new RegExp(`call\\.ended +${callId}`));
    const stored = await store.listCallEvents(callId);
    expect(bodies().toSorted()).toEqual(stored.map(({ body }) => body).toSorted());
    expect(verifyStandard({ ...received[0]!, secrets: [SECRET] })).toBe('valid');
  },
  COMMAND_LIMIT_MS,
);

it(
  'the worker on this machine is followed without a key, and again when it has been restarted',
  async () => {
    const folder = await commandFolder();
    const first = await localWorker(folder);
    const tail = startCommand('events_tail', ['--after', '0'], { folder });
    const callId = await endedCall(first.store);
    await tail.printed(new RegExp(`  5  call\\.ended +${callId} #3\\n`));
    await first.stop();

    const second = await localWorker(folder);
    const next = await endedCall(second.store);
    const printed = await tail.printed(new RegExp(`call\\.ended +${next}`));
    expect(printed.match(/call\.ended/g)).toHaveLength(2);
    tail.interrupt();
    expect(await tail.ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('the worker'),
    });
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
    expect((await tail()).stderr).toContain('No worker runs on');
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
    expect((await tail('--forward', 'localhost:3000')).stderr).toContain('Use one such as');
    const mistyped = await tail('--forward', '3000', '--secret', 'whsec_mistyped');
    expect(mistyped.stderr).toContain('base64 of at least 24 bytes');
    expect(mistyped.stderr).not.toContain('mistyped');
    expect((await tail('--help')).stdout).toContain('--forward <url>');
  },
  COMMAND_LIMIT_MS,
);
