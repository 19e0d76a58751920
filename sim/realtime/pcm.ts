/** Samples per second of all audio on the wire: mono PCM16, little endian, base64 in JSON. */
export const PCM_RATE = 24_000;

export function msOfSamples(samples: number): number {
  return (samples * 1000) / PCM_RATE;
}

export function samplesOfMs(ms: number): number {
  return Math.round((ms * PCM_RATE) / 1000);
}

export function decodePcm(base64: string): Int16Array {
  const bytes = Buffer.from(base64, 'base64');
  // A copy of its own: Buffer.from may return a slice of a pool at an odd offset.
  const samples = new Int16Array(bytes.length >> 1);
  new Uint8Array(samples.buffer).set(bytes.subarray(0, samples.byteLength));
  return samples;
}

export function encodePcm(samples: Int16Array): string {
  return Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength).toString('base64');
}

/** Linear interpolation to 24 kHz: enough for speech from a synthesizer of 16 to 24 kHz. */
export function resampleTo24k(samples: Int16Array, fromRate: number): Int16Array {
  if (fromRate === PCM_RATE) return samples;
  const out = new Int16Array(Math.floor((samples.length * PCM_RATE) / fromRate));
  for (let i = 0; i < out.length; i++) {
    const at = (i * fromRate) / PCM_RATE;
    const left = Math.floor(at);
    const a = samples[left] ?? 0;
    const b = samples[left + 1] ?? a;
    out[i] = Math.round(a + (b - a) * (at - left));
  }
  return out;
}
