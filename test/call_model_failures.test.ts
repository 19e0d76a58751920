import { describe, expect, it } from 'vitest';
import type { Installation } from '../sim/installation/installation.ts';
import { loudSpan, tones } from '../sim/phone/audio_analysis.ts';
import { PHONE_RATE } from '../sim/phone/wav.ts';
import { BODY_HZ, END_HZ, START_HZ } from '../sim/realtime/voice.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { wholeRecord } from './whole_record.ts';

const GREETING = 'Hello.';

describe('a model that fails', () => {
  const installation = sharedInstallation({
    number: '+15550106040',
    profiles: {
      'front-desk.yaml': `name: Front desk
prompt: Help the caller.
first_message: "${GREETING}"
silence: { prompt_after_s: 0, hang_up_after_s: 0 }
`,
    },
  });

  const fault = async (input: Parameters<NonNullable<Installation['model']>['setFault']>[0]) => {
    await installation.model?.setFault(input);
  };

  const isRefused = async (): Promise<void> => {
    const caller = await Caller.dial(installation);
    await expect(caller.answered()).rejects.toMatchObject({ status: 486 });
    const record = await wholeRecord(installation);
    expect(record.events.map(({ event }) => event)).toEqual([
      'call.started',
      'call.error',
      'call.failed',
      'call.ended',
      // At once, although the model that would be asked is down: there is nothing to ask.
      'call.completed',
    ]);
    expect(record.one('call.failed')).toMatchObject({
      sip_status: 486,
      reason: 'model_unavailable',
    });
    expect(record.ended).toMatchObject({ end_reason: 'model_unavailable', duration_seconds: 0 });
  };

  const isServed = async (): Promise<void> => {
    const { pid } = installation.worker;
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('caller_hung_up');
    expect(installation.worker.pid).toBe(pid);
    expect(installation.worker.running).toBe(true);
  };

  /** Waits for the recorded notice and the BYE: loud for seconds, and none of the model's tones. */
  const hearsNotice = async (caller: Caller): Promise<void> => {
    const from = caller.call.heard.track.length;
    expect(await caller.call.ended()).toMatchObject({ by: 'them' });
    const rest = caller.call.heard.track.samples(from);
    const span = loudSpan(rest);
    expect((span?.lastMs ?? 0) - (span?.firstMs ?? 0)).toBeGreaterThan(2_000);
    // Silence behind it: it was not cut off.
    expect(span?.lastMs).toBeLessThan((1_000 * rest.length) / PHONE_RATE - 100);
    const toned = tones(rest, [START_HZ, BODY_HZ, END_HZ]).filter(
      ({ present, rms }) => rms > 1_000 && present.length > 0,
    );
    expect(toned.length).toBeLessThan(5);
  };

  it('is known before the answer where its server refuses connections', async () => {
    await fault('refuse');
    await isRefused();
    await fault(undefined);
    await isServed();
  });

  it('is known before the answer where it refuses the key', async () => {
    await fault('unauthorized');
    await isRefused();
  });

  // As OpenAI does it: the handshake of a wrong key succeeds.
  it('is known before the answer where it refuses the key behind the handshake', async () => {
    await fault({ kind: 'error_event', code: 'invalid_api_key', when: 'connect' });
    await isRefused();
  });

  it('is called again when its connection drops, and the conversation goes on', async () => {
    installation.model?.setScenario('turns: [{ hears: Are you there?, say: I am. }]');
    const sessions = installation.model?.sessions.length ?? 0;
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    await fault('{ kind: drop }');
    const again = await installation.model?.waitForSession(
      AbortSignal.timeout(20_000),
      sessions + 1,
    );
    await again?.waitFor(({ updates }) => updates.length > 0, AbortSignal.timeout(20_000));
    await caller.asks();
    expect(again?.said).toEqual(['I am.']);
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({
      end_reason: 'caller_hung_up',
      transcript: `Agent: ${GREETING}\nCaller: Are you there?\nAgent: I am.`,
    });
  });

  it('whose connection drops while it speaks says again what it owes', async () => {
    installation.model?.setScenario('turns: [{ hears: What do you sell?, say: Hats. }]');
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    await fault('{ kind: drop, after: response.created, after_ms: 20 }');
    await caller.asks();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.one('call.error')).toMatchObject({ code: 'model_interrupted' });
    expect(record.ended.end_reason).toBe('caller_hung_up');
    expect(record.ended.transcript).toMatch(/\nCaller: What do you sell\?\n(.*\n)?Agent: Hats\.$/);
  });

  it('whose connection drops while it is spoken to answers all the same', async () => {
    installation.model?.setScenario('turns: [{ hears: What do you sell?, say: Hats. }]');
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    await fault('{ kind: drop, after: input_audio_buffer.committed }');
    await caller.asks();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.one('call.error')).toMatchObject({ code: 'model_interrupted' });
    expect(record.ended.end_reason).toBe('caller_hung_up');
  });

  it('that never comes back is apologised for', async () => {
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    await fault('{ kind: drop }');
    await fault('refuse');
    await hearsNotice(caller);
    const record = await wholeRecord(installation);
    expect(record.one('call.error')).toMatchObject({ code: 'model_unavailable' });
    expect(record.ended).toMatchObject({
      end_reason: 'model_unavailable',
      transcript: `Agent: ${GREETING}`,
    });
    await fault(undefined);
    await isServed();
  });

  it('that does not greet is apologised for', async () => {
    await fault('stall');
    const caller = await Caller.dial(installation);
    await caller.answered();
    await hearsNotice(caller);
    const record = await wholeRecord(installation);
    expect(record.one('call.error')).toMatchObject({ code: 'model_silent' });
    expect(record.ended).toMatchObject({ end_reason: 'model_unavailable', transcript: '' });
  });

  it('that has no quota left when it shall greet is apologised for', async () => {
    await fault({ kind: 'error_event', code: 'insufficient_quota', when: 'response' });
    const caller = await Caller.dial(installation);
    await caller.answered();
    await hearsNotice(caller);
    const record = await wholeRecord(installation);
    expect(record.all('call.error').length).toBeGreaterThan(0);
    expect(record.ended).toMatchObject({ end_reason: 'model_unavailable', transcript: '' });
  });

  it('that runs out of quota in the conversation is apologised for', async () => {
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    await fault({ kind: 'error_event', code: 'insufficient_quota', when: 'connect' });
    await hearsNotice(caller);
    const record = await wholeRecord(installation);
    expect(record.one('call.error')).toMatchObject({ code: 'model_unavailable' });
    expect(record.ended.end_reason).toBe('model_unavailable');
  });
});
