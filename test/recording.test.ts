import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../sim/installation/wait_for.ts';
import { tones } from '../sim/phone/audio_analysis.ts';
import { tone } from '../sim/phone/speech.ts';
import { END_HZ, START_HZ } from '../sim/realtime/voice.ts';
import { ENCRYPTION_KEY_FILE } from '../src/config/encryption_key.ts';
import { createUrlSigner } from '../src/recording/url_signer.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { type WholeRecord, wholeRecord } from './whole_record.ts';

const TOLD = '+15550107110';
const FROM_THE_ANSWER = '+15550107111';
const DISCLOSURE = 'This call may be recorded.';

/** No tone of the model's. */
const CALLER_HZ = 1_500;

const SILENCE = 'silence: { prompt_after_s: 0, hang_up_after_s: 0 }';
const SCENARIO = `turns:
  - { hears: Is the flat free?, say: It is. }
`;

interface Heard {
  /**
   * Milliseconds from the beginning of the recording at which a tone of at least 60 ms began. One with
   * a hole, which a busy machine leaves in what is said, has begun once.
   */
  begins(hz: number): number[];
}

const WINDOW_MS = 20;
/** Behind as much silence the same tone is another one. */
const HOLE_WINDOWS = 300 / WINDOW_MS;

/** The two sides of a recording: left is the caller, right the agent. */
async function fetchRecording(url: string): Promise<{ left: Heard; right: Heard; ms: number }> {
  const answer = await fetch(url);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('audio/wav');
  const wav = Buffer.from(await answer.arrayBuffer());
  expect(wav.toString('latin1', 0, 4) + wav.toString('latin1', 8, 12)).toBe('RIFFWAVE');
  expect(wav.readUInt32LE(24)).toBe(16_000);
  expect(wav.readUInt32LE(40)).toBe(wav.length - 44);
  const side = (offset: number): Heard => {
    // Every second sample, which is the rate that the tones are looked for at.
    const samples = Int16Array.from({ length: Math.floor((wav.length - 44) / 8) }, (_, i) =>
      wav.readInt16LE(44 + i * 8 + offset),
    );
    const windows = tones(samples, [START_HZ, END_HZ, CALLER_HZ], { windowMs: WINDOW_MS });
    return {
      begins: (hz) => {
        const there = windows.map(({ present }) => present.includes(hz));
        const lasts = there.map((one, i) => one && there[i + 1] && there[i + 2]);
        const first = (i: number) => !lasts.slice(Math.max(0, i - HOLE_WINDOWS), i).includes(true);
        return windows.filter((_, i) => lasts[i] && first(i)).map(({ atMs }) => atMs);
      },
    };
  };
  return { left: side(0), right: side(2), ms: (wav.length - 44) / 64 };
}

describe('a recorded call', () => {
  const installation = sharedInstallation({
    number: TOLD,
    moreNumbers: [FROM_THE_ANSWER],
    profiles: {
      'told.yaml': `name: Tells first
prompt: Help.
first_message: "Hello."
disclosure: ${DISCLOSURE}
recording: { enabled: true, after_disclosure: true, retain_days: 30 }
${SILENCE}`,
      'at-once.yaml': `name: Records from the answer
numbers: ["${FROM_THE_ANSWER}"]
prompt: Help.
first_message: "Hello."
recording: { after_disclosure: false }
${SILENCE}`,
    },
  });
  beforeEach(() => installation.model?.setScenario(SCENARIO));

  async function shown(callId: string) {
    return (await installation.request('GET', `/v1/calls/${callId}`)).body.call;
  }

  const recordingsOnDisk = () => readdir(join(installation.dataDir, 'recordings'));
  const unfinished = () => readdir(join(installation.dataDir, 'recordings-unfinished'));

  /** The recording's event comes behind the end; its URL is that of the record. */
  async function readyUrl(record: WholeRecord): Promise<string> {
    const ready = await waitFor(
      async () =>
        (await installation.events()).find(
          ({ event, call_id }) => event === 'call.recording_ready' && call_id === record.callId,
        ),
      { what: 'call.recording_ready' },
    );
    return String(ready.data.recording_url);
  }

  /*
   * The caller speaks into the disclosure, which is said to its end all the same and is not in the
   * recording. Behind it every side is on its own channel, in the order in which it was said.
   */
  it('has both sides on channels of their own, from behind the disclosure', async () => {
    const caller = await Caller.dial(installation);
    await caller.hearsBeginning();
    await caller.call.play(tone(CALLER_HZ, 400));
    await caller.hearsEnd();
    await caller.hearsEnd();
    await caller.call.play(tone(CALLER_HZ, 900));
    await caller.hearsEnd();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended.transcript).toBe(
      `Agent: ${DISCLOSURE}\nAgent: Hello.\nCaller: Is the flat free?\nAgent: It is.`,
    );

    const url = await readyUrl(record);
    expect(record.completed.recording_url).toMatch(/\/v1\/recordings\/call_\w+\?expires=\d+&sig/);
    const { left, right, ms } = await fetchRecording(url);
    // No greeting waits for the file of a recording: its first tone may be too early for it.
    const [answer, greeting = 0, ...more] = right.begins(START_HZ).toReversed();
    const [greeted, answered, ...moreEnds] = right.begins(END_HZ);
    const [asked, ...moreAsked] = left.begins(CALLER_HZ);
    expect([more, moreEnds, moreAsked]).toEqual([[], [], []]);
    const order = [0, greeting, greeted, asked, answer, answered, ms];
    expect(order).toEqual(order.toSorted((a, b) => Number(a) - Number(b)));
    expect(left.begins(START_HZ)).toEqual([]);
    expect(right.begins(CALLER_HZ)).toEqual([]);

    const call = await shown(record.callId);
    const expiresInMs = Date.parse(call.recordingExpiresAt) - Date.now();
    expect(expiresInMs).toBeGreaterThan(14 * 60_000);
    expect(expiresInMs).toBeLessThanOrEqual(15 * 60_000);
    expect((await fetch(call.recordingUrl, { method: 'HEAD' })).status).toBe(200);
    expect(await unfinished()).toEqual([]);
  });

  it('is fetched in parts, by whoever has its URL, for a while, and until it is deleted', async () => {
    const caller = await Caller.dial(installation, { to: FROM_THE_ANSWER });
    await caller.hearsEnd();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    const url = await readyUrl(record);
    const whole = Buffer.from(await (await fetch(url)).arrayBuffer());
    const part = await fetch(url, { headers: { range: 'bytes=44-143' } });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 44-143/${whole.length}`);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(whole.subarray(44, 144));
    const beyond = await fetch(url, { headers: { range: `bytes=${whole.length}-` } });
    expect(beyond.status).toBe(416);

    const later = new URL(url);
    later.searchParams.set('expires', String(Number(later.searchParams.get('expires')) + 60));
    expect((await fetch(later)).status).toBe(403);
    const key = await readFile(join(installation.dataDir, ENCRYPTION_KEY_FILE), 'utf8');
    const signer = createUrlSigner({ current: Buffer.from(key, 'base64'), previous: [] });
    const past = Math.floor(Date.now() / 1_000) - 1;
    later.searchParams.set('expires', String(past));
    later.searchParams.set('signature', signer.sign(record.callId, past));
    expect((await fetch(later)).status).toBe(403);

    const path = `/v1/calls/${record.callId}/content`;
    expect((await installation.request('DELETE', path)).status).toBe(204);
    expect((await fetch(url)).status).toBe(410);
    expect(await recordingsOnDisk()).not.toContain(`${record.callId}.wav`);
    expect(await shown(record.callId)).toMatchObject({
      recordingUrl: null,
      recordingExpiresAt: null,
    });
  });

  /*
   * t=0 the agent has greeted and the recording runs; its process is killed, and the file has neither
   * its length nor its last half second. The sweep ends the call, and what there is of the recording
   * is stored and told of like any other.
   */
  it('has its recording although its process was killed', async () => {
    const caller = await Caller.dial(installation, { to: FROM_THE_ANSWER });
    await caller.hearsEnd();
    await caller.call.play(tone(CALLER_HZ, 900));
    await caller.hearsEnd();
    const callId = (await installation.events()).findLast(
      ({ event }) => event === 'call.started',
    )?.call_id;
    if (!callId) throw new Error('no call');
    const file = join(installation.dataDir, 'recordings-unfinished', `${callId}.wav`);
    const { size } = await stat(file);
    // A second later, what was said so far is in it.
    await waitFor(async () => (await stat(file)).size >= size + 64_000, { what: 'a longer file' });
    process.kill(await installation.worker.callProcess(callId), 'SIGKILL');
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('worker_lost');
    const { left, right } = await fetchRecording(await readyUrl(record));
    const [asked, ...moreAsked] = left.begins(CALLER_HZ);
    const [greeted, answered, ...moreEnds] = right.begins(END_HZ);
    expect([moreAsked, moreEnds]).toEqual([[], []]);
    const order = [greeted, asked, right.begins(START_HZ).at(-1), answered];
    expect(order).toEqual(order.toSorted((a, b) => Number(a) - Number(b)));
    expect(await unfinished()).toEqual([]);
  });
});
