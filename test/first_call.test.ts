import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Installation } from '../sim/installation/installation.ts';
import { tones } from '../sim/phone/audio_analysis.ts';
import { END_HZ, START_HZ } from '../sim/realtime/voice.ts';

const CALLER = '+15550100001';

describe('a call from a known contact', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await Installation.start({
      stack: inject('stack'),
      number: '+15550100100',
      contacts: [{ id: 'c1', name: 'Ada Lovelace', phone: CALLER }],
      env: { LOG_LEVEL: 'debug' },
    });
  });
  afterAll(() => installation?.stop());

  it('is greeted by name, completely, and ends with every event delivered and verified', async () => {
    const call = await installation.dial();
    await call.answered();
    await call.heard.waitForTone(END_HZ, {});
    await call.hangUp();
    const ended = await installation.backend.waitForEvent(
      ({ event }) => event === 'call.ended',
      AbortSignal.timeout(20_000),
    );
    expect(ended.body).toMatchObject({
      data: { end_reason: 'caller_hung_up', contact: { name: 'Ada Lovelace' }, context: 'ready' },
    });
    const heard = tones(call.heard.samples(), [START_HZ, END_HZ]);
    expect(heard.some(({ present }) => present.includes(START_HZ))).toBe(true);
  });

  // LiveKit's libraries had logs of their own, with the caller's number in them.
  it('is logged in lines of one shape, with the caller under `pii` alone', async () => {
    const { lines, output } = installation.worker;
    await installation.worker.waitForLine(({ msg }) => msg === 'call ended');
    expect(output).toEqual(['registered']);
    expect(new Set(lines.map(({ name }) => name))).toContain('livekit-agents');
    expect(new Set(lines.map(({ name }) => name))).toContain('livekit-rtc');
    for (const line of lines) {
      expect(line).toMatchObject({
        level: expect.stringMatching(/^[a-z]+$/),
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        pid: expect.any(Number),
        name: expect.any(String),
        msg: expect.any(String),
      });
      const { pii: _, ...rest } = line;
      expect(JSON.stringify(rest)).not.toMatch(/5550100001|Ada/);
    }
  });
});
