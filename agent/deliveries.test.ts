import { expect, it } from 'vitest';
import { endedCall } from '../src/api/testing/written_call.ts';
import { openStore } from '../src/ledger/open_store.ts';
import { endpoint, trigger } from '../src/store/conformance/drafts.ts';
import { COMMAND_LIMIT_MS, commandFolder, runCommand } from './testing/run_command.ts';

/** A call whose deliveries have all been given up. */
async function failedCall(dataDir: string): Promise<string> {
  const store = await openStore({ dataDir, defaultEndpoint: { perEvent: false } });
  const callId = await endedCall(store);
  const attempt = { at: Date.now(), durationMs: 1, status: 503, error: 'status', response: null };
  for (const { id, claimId } of await store.claimJobs({ limit: 9, perTarget: 9, leaseMs: 9_000 })) {
    await store.settleJobs([{ jobId: id, claimId, attempt, next: { state: 'exhausted' } }]);
  }
  await store.close();
  return callId;
}

it(
  'deliveries are listed and replayed',
  async () => {
    const folder = await commandFolder();
    const deliveries = (...args: string[]) => runCommand('deliveries', args, { folder });
    expect(await deliveries('list')).toMatchObject({ code: 0, stderr: 'no deliveries\n' });
    const callId = await failedCall(`${folder}/data`);

    const listed = await deliveries('list', '--state', 'exhausted', '--endpoint', 'whe_default');
    expect(listed.stdout).toMatch(
      /dlv_\w+ .*exhausted +call\.ended +whe_default +1 attempts +503\n/,
    );

    const all = await deliveries('replay');
    expect(all).toMatchObject({ code: 1, stderr: expect.stringContaining('--failed') });
    const [one = ''] = /dlv_\w+/.exec(listed.stdout) ?? [];
    const replayed = await deliveries('replay', one);
    expect(replayed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^dlv_\w+\n$/) });
    const marked = `replayed: ${replayed.stdout.trim()} waiting`;
    expect((await deliveries('list')).stdout).toMatch(new RegExp(`${one} .* 503 +${marked}\n`));
    expect(await deliveries('replay', one)).toMatchObject({
      code: 0,
      stderr: `nothing to replay: ${marked}\n`,
    });
    const rest = await deliveries('replay', '--failed', '--call', callId, '--since', '2h');
    expect(rest.stderr).toMatch(/^\d will be sent again\n$/);
    expect((await deliveries('replay', '--failed')).stderr).toBe('nothing to replay\n');
  },
  COMMAND_LIMIT_MS,
);

it(
  'a delivery that waits for its endpoint says so',
  async () => {
    const folder = await commandFolder();
    const store = await openStore({ dataDir: `${folder}/data`, defaultEndpoint: null });
    const resting = endpoint({ status: 'paused' });
    await store.createEndpoint(resting);
    await store.createTrigger(trigger({ endpointId: resting.id, eventType: 'call.ended' }));
    await endedCall(store);
    const list = async () => await runCommand('deliveries', ['list'], { folder });
    await store.close();
    expect((await list()).stdout).toMatch(/ waiting +call\.ended .* waits: endpoint paused\n$/);
  },
  COMMAND_LIMIT_MS,
);

it(
  'an id that nothing has is told, and is no success',
  async () => {
    const folder = await commandFolder();
    await failedCall(`${folder}/data`);
    const deliveries = (...args: string[]) => runCommand('deliveries', args, { folder });
    for (const [args, message] of [
      [['replay', 'dlv_unknown'], 'There is no delivery dlv_unknown.'],
      [['replay', '--call', 'call_unknown'], 'There is no call call_unknown.'],
      [['list', '--call', 'call_unknown'], 'There is no call call_unknown.'],
      [['list', '--endpoint', 'whe_unknown'], 'There is no endpoint whe_unknown.'],
      [['replay', '--failed', '--endpoint', 'whe_unknown'], 'There is no endpoint whe_unknown.'],
    ] as const) {
      const { code, stdout, stderr } = await deliveries(...args);
      expect({ args, code, stdout, stderr }).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining(message),
      });
    }
  },
  COMMAND_LIMIT_MS,
);

it(
  'wrong words are told with the right ones',
  async () => {
    const folder = await commandFolder();
    const wrong = await runCommand('deliveries', ['replay', '--since', 'yesterday'], { folder });
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('90m, 12h or 2d') });
    const help = await runCommand('deliveries', ['replay', '--help'], { folder });
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--failed') });
  },
  COMMAND_LIMIT_MS,
);
