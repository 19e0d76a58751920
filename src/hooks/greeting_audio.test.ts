import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { createReachAgents } from '../delivery/reach_agents.ts';
import { GREETING_SAMPLE_RATE, loadGreeting } from './greeting_audio.ts';

const agents = createReachAgents({ connectTimeoutMs: 5_000 });
afterAll(async () => {
  for (const agent of Object.values(agents)) await agent.destroy();
});

/** Half a second of a tone, at 8 kHz. */
function wav(): Buffer {
  const samples = Array.from({ length: 4_000 }, (_, i) => Math.round(8_000 * Math.sin(i / 3)));
  const bytes = Buffer.alloc(44 + samples.length * 2);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + samples.length * 2, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(8_000, 24);
  bytes.writeUInt32LE(16_000, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(samples.length * 2, 40);
  for (const [i, sample] of samples.entries()) bytes.writeInt16LE(sample, 44 + i * 2);
  return bytes;
}

async function served(
  answer: (response: ServerResponse) => void,
  reach: 'operator' | 'guarded' = 'operator',
) {
  const server = createServer((_, response) => answer(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hi.wav`);
  try {
    const target = { url, reach, secret: null };
    return await loadGreeting(agents, target, AbortSignal.timeout(10_000));
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

describe('a recorded greeting', () => {
  it('is decoded to what the model’s voice has', async () => {
    const samples = await served((response) => void response.end(wav()));
    expect(samples.length).toBeGreaterThan(GREETING_SAMPLE_RATE * 0.45);
    expect(samples.length).toBeLessThan(GREETING_SAMPLE_RATE * 0.55);
    expect(Math.max(...samples)).toBeGreaterThan(6_000);
  });

  const playlist = '#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n';
  it.each<[string, (response: ServerResponse) => void]>([
    ['HTML', (r) => void r.end('<html>no audio</html>')],
    ['nothing', (r) => void r.end()],
    ['a playlist of local files', (r) => void r.end(playlist)],
    ['404', (r) => void r.writeHead(404).end()],
    ['a redirect', (r) => void r.writeHead(302, { location: '/other.wav' }).end()],
    ['6 MB', (r) => void r.end(Buffer.alloc(6 * 1024 * 1024))],
    ['a broken connection', (r) => void r.destroy()],
  ])('is not to be had: %s', async (_, answer) => {
    await expect(served(answer)).rejects.toMatchObject({ code: 'GREETING_UNAVAILABLE' });
  });

  it('is not fetched from inside for a backend that is elsewhere', async () => {
    await expect(served((r) => void r.end(wav()), 'guarded')).rejects.toMatchObject({
      code: 'GREETING_UNAVAILABLE',
    });
  });
});
