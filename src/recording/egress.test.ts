import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { egressClient, egressResult, startEgress } from './egress.ts';

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAMADEUP');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'a-made-up-secret');
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  return () => vi.unstubAllEnvs();
});

/** LiveKit's side of its egress API, as far as the wire goes: what is asked, and these answers. */
async function livekit(answer: unknown) {
  const asked: { path: string | undefined; body: Record<string, unknown> }[] = [];
  const server = createServer(async (request, response) => {
    asked.push({ path: request.url, body: JSON.parse(await text(request)) });
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const apiSecret = 'a-made-up-secret-of-enough-characters';
  return { asked, client: egressClient({ url, apiKey: 'APItest', apiSecret }) };
}

describe('LiveKit Egress', () => {
  it('is asked for the sound of the room on two channels, into the bucket', async () => {
    const { asked, client } = await livekit({ egressId: 'EG_1' });
    const place = { kind: 's3', bucket: 'made-up-bucket', prefix: 'calls' } as const;
    expect(await startEgress(client, { room: 'room-1', callId: 'call_1', place })).toBe('EG_1');
    expect(asked).toMatchObject([
      {
        path: '/twirp/livekit.Egress/StartRoomCompositeEgress',
        body: {
          roomName: 'room-1',
          audioOnly: true,
          audioMixing: 'DUAL_CHANNEL_AGENT',
          fileOutputs: [
            {
              fileType: 'OGG',
              filepath: 'calls/call_1.ogg',
              disableManifest: true,
              s3: {
                bucket: 'made-up-bucket',
                region: 'eu-central-1',
                accessKey: 'AKIAMADEUP',
                secret: 'a-made-up-secret',
              },
            },
          ],
        },
      },
    ]);
  });

  it.each([
    ['EGRESS_STARTING', { kind: 'under_way' }],
    ['EGRESS_ENDING', { kind: 'under_way' }],
    ['EGRESS_COMPLETE', { kind: 'stored', bytes: 5_000, durationMs: 2_500 }],
    ['EGRESS_LIMIT_REACHED', { kind: 'stored', bytes: 5_000, durationMs: 2_500 }],
    ['EGRESS_FAILED', { kind: 'failed', error: 'no bucket' }],
    ['EGRESS_ABORTED', { kind: 'failed', error: 'no bucket' }],
  ])('is understood when it says %s', async (status, result) => {
    const file = { filename: 'calls/call_1.ogg', size: '5000', duration: '2500000000' };
    const item = { egressId: 'EG_1', status, error: 'no bucket', fileResults: [file] };
    const { asked, client } = await livekit({ items: [item] });
    expect(await egressResult(client, 'EG_1')).toEqual(result);
    expect(asked).toMatchObject([{ body: { egressId: 'EG_1' } }]);
  });

  it('may have forgotten', async () => {
    const { client } = await livekit({ items: [] });
    expect(await egressResult(client, 'EG_1')).toMatchObject({ kind: 'failed' });
  });
});
