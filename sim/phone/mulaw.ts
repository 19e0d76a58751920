/** G.711 µ-law (PCMU), the one codec every telephone network speaks: 8 kHz, one byte a sample. */

const BIAS = 0x84;
const CLIP = 0x7fff - BIAS;

/** The byte of a zero sample; a phone that says nothing sends this. */
export const MULAW_SILENCE = 0xff;

const DECODED = Int16Array.from({ length: 256 }, (_, byte) => {
  const code = ~byte & 0xff;
  const exponent = (code >> 4) & 7;
  const magnitude = ((((code & 0x0f) << 3) + BIAS) << exponent) - BIAS;
  return code & 0x80 ? -magnitude : magnitude;
});

function encodeSample(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const biased = Math.min(Math.abs(sample), CLIP) + BIAS;
  const exponent = 24 - Math.clz32(biased);
  const mantissa = (biased >> (exponent + 3)) & 0x0f;
  return ~(sign | (exponent << 4) | mantissa) & 0xff;
}

export function encodeMulaw(samples: Int16Array): Uint8Array {
  const bytes = new Uint8Array(samples.length);
  for (let i = 0; i < samples.length; i++) bytes[i] = encodeSample(samples[i]!);
  return bytes;
}

export function decodeMulaw(bytes: Uint8Array): Int16Array {
  const samples = new Int16Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) samples[i] = DECODED[bytes[i]!]!;
  return samples;
}
