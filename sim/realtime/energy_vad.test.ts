import { describe, expect, it } from 'vitest';
import { EnergyVad, type VadEvent } from './energy_vad.ts';
import { samplesOfMs } from './pcm.ts';
import { AMPLITUDE, writeTone } from './voice.ts';

const SETTINGS = { threshold: 0.5, onsetMs: 40, prefixMs: 100, silenceMs: 300 };

const silence = (ms: number) => new Int16Array(samplesOfMs(ms));
const voice = (ms: number) => {
  const pcm = new Int16Array(samplesOfMs(ms));
  writeTone(pcm, 300);
  return pcm;
};
/** Comfort noise of a telephone line, -50 dBFS. */
const noise = (ms: number) => silence(ms).map((_, i) => (i % 2 ? 100 : -100));

function hear(vad: EnergyVad, ...pieces: Int16Array[]): VadEvent[] {
  return pieces.flatMap((piece) => vad.push(piece));
}

describe('the energy VAD', () => {
  it('reports where speech starts, with the prefix, and where its silence has lasted', () => {
    const vad = new EnergyVad(SETTINGS);
    expect(hear(vad, silence(500), voice(600), silence(500))).toEqual([
      { kind: 'started', audioStartMs: 400 },
      { kind: 'stopped', audioEndMs: 1400 },
    ]);
  });

  it('stays quiet for silence, for line noise and for a click', () => {
    const vad = new EnergyVad(SETTINGS);
    const click = new Int16Array(samplesOfMs(20)).fill(AMPLITUDE);
    expect(hear(vad, silence(200), noise(2_000), click, silence(500))).toEqual([]);
    expect(vad.loudMs).toBe(20);
  });

  it('takes a pause shorter than the silence duration for part of the utterance', () => {
    const vad = new EnergyVad(SETTINGS);
    const events = hear(vad, voice(200), silence(280), voice(200), silence(300));
    expect(events.map((event) => event.kind)).toEqual(['started', 'stopped']);
  });

  it('gives the same events for the same samples in pieces of any size', () => {
    const samples = [silence(130), voice(333), silence(410), voice(90), silence(700)];
    const whole = new Int16Array(samples.flatMap((piece) => [...piece]));
    const expected = new EnergyVad(SETTINGS).push(whole);
    expect(expected).toHaveLength(4);
    for (const size of [1, 7, 479, 480, 2_400]) {
      const vad = new EnergyVad(SETTINGS);
      const events: VadEvent[] = [];
      for (let at = 0; at < whole.length; at += size) {
        events.push(...vad.push(whole.subarray(at, at + size)));
      }
      expect(events).toEqual(expected);
    }
  });

  it('does not place a start before the audio began', () => {
    const vad = new EnergyVad(SETTINGS);
    expect(hear(vad, voice(100))).toEqual([{ kind: 'started', audioStartMs: 0 }]);
  });

  it('can be given another threshold while it listens', () => {
    const vad = new EnergyVad({ ...SETTINGS, threshold: 1 });
    const quietVoice = voice(200).map((sample) => sample / 8);
    expect(hear(vad, quietVoice)).toEqual([]);
    vad.configure({ ...SETTINGS, threshold: 0.3 });
    expect(hear(vad, quietVoice)).toHaveLength(1);
  });
});
