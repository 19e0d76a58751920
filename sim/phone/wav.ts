import { CallwireError } from '../../src/errors.ts';
import { decodeMulaw } from './mulaw.ts';

/** Samples a second on the phone line; every `Int16Array` in this folder is mono PCM at this rate. */
export const PHONE_RATE = 8000;

const FORMAT_PCM = 1;
const FORMAT_MULAW = 7;
const FORMAT_EXTENSIBLE = 0xfffe;

interface Format {
  codec: number;
  channels: number;
  rate: number;
  bits: number;
}

function bad(why: string): CallwireError {
  return new CallwireError('PHONE_BAD_WAV', `not a usable WAV file: ${why}`, {
    remedy: 'Convert it to 16-bit PCM or 8-bit µ-law WAV, any rate, any number of channels.',
  });
}

function readFormat(chunk: Buffer): Format {
  if (chunk.length < 16) throw bad('its format chunk is too short');
  const codec = chunk.readUInt16LE(0);
  return {
    // The extensible header keeps the real codec in the first two bytes of its sub-format GUID.
    codec: codec === FORMAT_EXTENSIBLE && chunk.length >= 26 ? chunk.readUInt16LE(24) : codec,
    channels: chunk.readUInt16LE(2),
    rate: chunk.readUInt32LE(4),
    bits: chunk.readUInt16LE(14),
  };
}

function decode(format: Format, data: Buffer): Int16Array {
  if (format.codec === FORMAT_PCM && format.bits === 16) {
    const samples = new Int16Array(data.length >> 1);
    for (let i = 0; i < samples.length; i++) samples[i] = data.readInt16LE(i * 2);
    return samples;
  }
  if (format.codec === FORMAT_MULAW && format.bits === 8) return decodeMulaw(data);
  throw bad(`codec ${format.codec} with ${format.bits} bits`);
}

function mixToMono(samples: Int16Array, channels: number): Int16Array {
  if (channels === 1) return samples;
  const mono = new Int16Array(Math.floor(samples.length / channels));
  for (let i = 0; i < mono.length; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += samples[i * channels + c]!;
    mono[i] = Math.round(sum / channels);
  }
  return mono;
}

/**
 * Each output sample is the average of the linearly interpolated input over its own length. That
 * is a weak low-pass, enough for test speech; a real resampler would be a dependency for nothing.
 */
export function resample(samples: Int16Array, from: number, to: number): Int16Array {
  if (from === to) return samples;
  const step = from / to;
  const out = new Int16Array(Math.round(samples.length / step));
  const taps = Math.max(1, Math.ceil(step));
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let t = 0; t < taps; t++) {
      const at = Math.min(i * step + (t * step) / taps, samples.length - 1);
      const left = samples[Math.floor(at)]!;
      const right = samples[Math.min(Math.floor(at) + 1, samples.length - 1)]!;
      sum += left + (right - left) * (at % 1);
    }
    out[i] = Math.round(sum / taps);
  }
  return out;
}

/** The audio of a WAV file (PCM16 or µ-law, any rate and channels) as 8 kHz mono. */
export function readWav(file: Buffer): Int16Array {
  if (file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE') {
    throw bad('it has no RIFF/WAVE header');
  }
  let format: Format | undefined;
  for (let at = 12; at + 8 <= file.length; ) {
    const id = file.toString('latin1', at, at + 4);
    const size = file.readUInt32LE(at + 4);
    const chunk = file.subarray(at + 8, at + 8 + size);
    if (id === 'fmt ') format = readFormat(chunk);
    if (id === 'data') {
      if (!format) throw bad('its data comes before its format');
      if (format.channels < 1 || format.rate < 1) throw bad('it has no channels or no rate');
      return resample(mixToMono(decode(format, chunk), format.channels), format.rate, PHONE_RATE);
    }
    at += 8 + size + (size & 1);
  }
  throw bad('it has no audio');
}

/** A 16-bit PCM WAV file at 8 kHz with one channel per given track; shorter tracks end in silence. */
export function writeWav(...tracks: Int16Array[]): Buffer {
  const frames = Math.max(0, ...tracks.map((track) => track.length));
  const blockBytes = tracks.length * 2;
  const file = Buffer.alloc(44 + frames * blockBytes);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(file.length - 8, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(FORMAT_PCM, 20);
  file.writeUInt16LE(tracks.length, 22);
  file.writeUInt32LE(PHONE_RATE, 24);
  file.writeUInt32LE(PHONE_RATE * blockBytes, 28);
  file.writeUInt16LE(blockBytes, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(frames * blockBytes, 40);
  let at = 44;
  for (let i = 0; i < frames; i++) {
    for (const track of tracks) at = file.writeInt16LE(track[i] ?? 0, at);
  }
  return file;
}
