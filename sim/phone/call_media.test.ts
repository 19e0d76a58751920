import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { goertzel, toneShare, tones } from './audio_analysis.ts';
import { decodeMulaw } from './mulaw.ts';
import { readKey } from './rtp.ts';
import { concat, silence, tone } from './speech.ts';
import { useTestLine, whats } from './testing/test_line.ts';
import { readWav } from './wav.ts';

describe('audio', () => {
  const line = useTestLine();

  test('silence is sent when nothing is said, and RTP never pauses', async () => {
    await line.dialAnswered();
    await line.uas.rtpMatching('ten packets', (packets) => packets.length >= 10);
    const packets = line.uas.rtp.slice(0, 10);
    const first = packets[0]!;
    expect(first.marker).toBe(true);
    packets.forEach((packet, i) => {
      expect(packet.sequence).toBe((first.sequence + i) & 0xffff);
      expect(packet.timestamp).toBe((first.timestamp + i * 160) >>> 0);
      expect(packet.ssrc).toBe(first.ssrc);
      expect(packet.payload).toEqual(Buffer.alloc(160, 0xff));
    });
  });

  test('what is played arrives whole, in order', async () => {
    const call = await line.dialAnswered();
    // 250 ms is no whole number of packets: the second tone begins inside the last of the first.
    const first = call.play(tone(600, 250));
    const second = await call.play(tone(900, 250));
    expect(await first).toMatchObject({ complete: true });
    expect(second.complete).toBe(true);
    expect(second.endedAt).toBeGreaterThanOrEqual(second.startedAt);
    await line.uas.rtpMatching('the tone', (packets) => packets.filter(isLoud).length >= 25);
    const loud = concat(...line.uas.rtp.filter(isLoud).map(({ payload }) => decodeMulaw(payload)));
    expect(toneShare(tones(loud.subarray(0, 2000), [600], { windowMs: 50 }), 600)).toBe(1);
    expect(toneShare(tones(loud.subarray(2000), [900], { windowMs: 50 }), 900)).toBe(1);
  });

  test('speech ends early with the call, and when it is aborted', async () => {
    const call = await line.dialAnswered();
    const abort = new AbortController();
    const aborted = call.play(tone(600, 60_000), abort.signal);
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const cut = call.play(tone(600, 60_000));
    await call.hangUp();
    expect(await cut).toMatchObject({ complete: false });
    expect(await call.play(tone(600, 100))).toMatchObject({ complete: false });
  });

  test('what they say stands where its timestamps put it, across wrap-around and loss', async () => {
    const call = await line.dialAnswered();
    line.uas.speak(tone(440, 200));
    line.uas.speak(tone(700, 200), { skipPackets: 5 });
    await expect.poll(() => call.heard.packets.length).toBe(20);
    expect(call.heard.trouble).toEqual({ lost: 5, repeated: 0, restarts: 0 });
    const heard = call.heard.samples();
    expect(heard.length).toBe(4000);
    const timeline = tones(heard, [440, 700]).map(({ present }) => present);
    expect(timeline).toEqual([[440], [440], [], [700], [700]]);
    expect(whats(call)).toContain('first_audio');
  });

  test('a new source is placed after what was heard', async () => {
    const call = await line.dialAnswered();
    line.uas.speak(tone(440, 200));
    line.uas.speak(tone(700, 200), { ssrc: 8 });
    await expect.poll(() => call.heard.packets.length).toBe(20);
    expect(call.heard.trouble.restarts).toBe(1);
    expect(goertzel(call.heard.samples().subarray(0, 1600), 440)).toBeGreaterThan(7000);
    expect(goertzel(call.heard.samples().subarray(-1600), 700)).toBeGreaterThan(7000);
  });

  test('tones, sound and silence can be waited for', async () => {
    const call = await line.dialAnswered();
    const before = performance.now();
    const heard440 = call.heard.waitForTone(440);
    line.uas.speak(concat(silence(200), tone(440, 200)));
    expect((await heard440).at).toBeGreaterThan(before);
    expect((await call.heard.waitForSound()).at).toBe(call.heard.firstLoudAt());
    const quiet = await call.heard.waitForSilence({ forMs: 100, after: before });
    expect(quiet.at).toBe(call.heard.lastLoudAt());
  });

  test('a wait ends at its deadline or with its signal', async () => {
    const call = await line.dialAnswered();
    await expect(call.heard.waitForTone(440, { deadlineMs: 30 })).rejects.toMatchObject({
      code: 'PHONE_WAIT_EXPIRED',
    });
    const reason = new Error('stopped');
    await expect(call.ended(AbortSignal.abort(reason))).rejects.toBe(reason);
    const abort = new AbortController();
    const wait = call.ended(abort.signal);
    abort.abort(reason);
    await expect(wait).rejects.toBe(reason);
  });

  test('the recording has us on the left and them on the right', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'phone-'));
    try {
      const path = join(folder, 'call.wav');
      const call = await line.dialAnswered();
      const saved = call.record(path);
      line.uas.speak(tone(440, 400));
      await call.play(tone(700, 400));
      await call.hangUp();
      await saved;
      const file = await readFile(path);
      expect(file.readUInt16LE(22)).toBe(2);
      const [left, right] = channels(file);
      expect(goertzel(loudest(left), 700)).toBeGreaterThan(6000);
      expect(goertzel(left, 440)).toBeLessThan(100);
      expect(goertzel(loudest(right), 440)).toBeGreaterThan(6000);
      expect(goertzel(right, 700)).toBeLessThan(100);
      expect(readWav(file).length).toBe(left.length);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('keys', () => {
  const line = useTestLine();

  test('each key is one event: it begins marked and ends three times', async () => {
    const call = await line.dialAnswered();
    await call.dtmf('1#', { pressMs: 60, pauseMs: 40 });
    const isKey = ({ payloadType }: { payloadType: number }) => payloadType === 101;
    await line.uas.rtpMatching('both keys', (packets) => packets.filter(isKey).length >= 12);
    const packets = line.uas.rtp.filter(isKey);
    const events = packets.map(({ payload }) => readKey(payload)!);
    expect(events.map(({ key }) => key).join('')).toBe('111111######');
    expect(events.map(({ end }) => (end ? 'e' : '-')).join('')).toBe('---eee---eee');
    expect(events.slice(0, 6).map(({ duration }) => duration)).toEqual([
      160, 320, 480, 480, 480, 480,
    ]);
    expect(packets.map(({ marker }) => marker).indexOf(true, 1)).toBe(6);
    expect(new Set(packets.map(({ timestamp }) => timestamp)).size).toBe(2);
  });

  test('their keys are heard once each', async () => {
    const call = await line.dialAnswered();
    for (const [sequence, timestamp, key] of [
      [1, 160, 5],
      [2, 160, 5],
      [3, 160, 5],
      [4, 960, 11],
    ] as const) {
      const payload = Uint8Array.of(key, 10, 0, 160);
      line.uas.sendRtp({ payloadType: 101, marker: false, sequence, timestamp, ssrc: 7, payload });
    }
    expect(await call.heard.waitForKeys(2)).toBe('5#');
    expect(call.heard.keys).toHaveLength(2);
  });

  test('a key that no phone has is refused', async () => {
    const call = await line.dialAnswered();
    await expect(call.dtmf('1x')).rejects.toMatchObject({ code: 'PHONE_BAD_KEY' });
  });

  test('an end without telephone-event takes no keys', async () => {
    const call = await line.dialAnswered((request, it) => {
      if (request.method === 'INVITE') {
        const sdp = it.sdp.replace(' 101', '').replace(/a=(rtpmap|fmtp):101.*\r\n/g, '');
        it.respond(request, 200, [it.contact], sdp);
      } else if (request.method === 'BYE') it.respond(request, 200);
    });
    await expect(call.dtmf('1')).rejects.toMatchObject({ code: 'PHONE_KEYS_REFUSED' });
  });
});

function isLoud({ payload }: { payload: Uint8Array }): boolean {
  return payload.some((byte) => byte !== 0xff);
}

function channels(file: Buffer): [Int16Array, Int16Array] {
  const frames = (file.length - 44) / 4;
  const read = (offset: number) =>
    Int16Array.from({ length: frames }, (_, i) => file.readInt16LE(44 + i * 4 + offset));
  return [read(0), read(2)];
}

/** 200 ms out of the middle of what is loud. */
function loudest(samples: Int16Array): Int16Array {
  const first = samples.findIndex((sample) => Math.abs(sample) > 1000);
  return samples.subarray(first + 800, first + 2400);
}
