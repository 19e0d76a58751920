import { execFile } from 'node:child_process';
import { PCM_RATE, resampleTo24k } from './pcm.ts';
import { toneVoice, type Voice } from './voice.ts';

/** An utterance takes espeak-ng some 20 ms; this only ends a process that hangs. */
const SPEAK_TIMEOUT_MS = 10_000;
const MAX_WAV_BYTES = 64 * 1024 * 1024;
const MAX_CACHED_TEXTS = 200;

/**
 * Real speech by espeak-ng, for people who listen to the demo. Each text is spoken once and then
 * remembered. Where espeak-ng is missing or fails, the tone voice speaks, and `onFallback` is told
 * once.
 */
export function espeakVoice({
  command = 'espeak-ng',
  language = 'en',
  onFallback = () => {},
}: {
  command?: string;
  language?: string;
  onFallback?: (error: Error) => void;
} = {}): Voice {
  const spoken = new Map<string, Promise<Int16Array | undefined>>();
  let warned = false;
  return async (text, signal) => {
    let speech = spoken.get(text);
    if (!speech) {
      speech = speak(command, language, text).catch((error: Error) => {
        if (!warned) onFallback(error);
        warned = true;
        return undefined;
      });
      const oldest = spoken.keys().next();
      if (spoken.size >= MAX_CACHED_TEXTS && !oldest.done) spoken.delete(oldest.value);
      spoken.set(text, speech);
    }
    return (await speech) ?? toneVoice(text, signal);
  };
}

function speak(command: string, language: string, text: string): Promise<Int16Array> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      ['--stdin', '--stdout', '-v', language],
      { encoding: 'buffer', timeout: SPEAK_TIMEOUT_MS, maxBuffer: MAX_WAV_BYTES },
      (error, wav) => {
        if (error) return reject(error);
        try {
          resolve(readWav(wav));
        } catch (cause) {
          reject(cause);
        }
      },
    );
    // A process that ends without reading breaks the pipe; the callback above tells why.
    child.stdin?.on('error', () => {});
    child.stdin?.end(text);
  });
}

/**
 * The samples of a mono PCM16 WAV, at 24 kHz. espeak-ng writes to a pipe, so the sizes in its
 * header are placeholders: the data chunk is whatever follows its header.
 */
export function readWav(wav: Buffer): Int16Array {
  if (wav.toString('latin1', 0, 4) !== 'RIFF' || wav.toString('latin1', 8, 12) !== 'WAVE') {
    throw new Error('not a WAV file');
  }
  let rate = PCM_RATE;
  for (let at = 12; at + 8 <= wav.length; ) {
    const chunk = wav.toString('latin1', at, at + 4);
    const size = wav.readUInt32LE(at + 4);
    const start = at + 8;
    if (chunk === 'fmt ') {
      if (wav.readUInt16LE(start + 2) !== 1 || wav.readUInt16LE(start + 14) !== 16) {
        throw new Error('only mono PCM16 is understood');
      }
      rate = wav.readUInt32LE(start + 4);
    }
    if (chunk === 'data') {
      const bytes = wav.subarray(start, Math.min(wav.length, start + size));
      const samples = new Int16Array(bytes.length >> 1);
      new Uint8Array(samples.buffer).set(bytes.subarray(0, samples.byteLength));
      return resampleTo24k(samples, rate);
    }
    at = start + size + (size % 2);
  }
  throw new Error('no audio in the WAV file');
}
