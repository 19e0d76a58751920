/** What recordings are: WAV, 16-bit PCM, two channels. 3.8 MB a minute. */
export const SAMPLE_RATE = 16_000;
export const CONTENT_TYPE = 'audio/wav';

const CHANNELS = 2;
/** Of one sample on both channels. */
export const FRAME_BYTES = 2 * CHANNELS;
export const BYTES_PER_SECOND = SAMPLE_RATE * FRAME_BYTES;
export const WAV_HEADER_BYTES = 44;

/** The header counts in 32 bits; 18.6 hours. */
export const MAX_WAV_BYTES = 0xffff_ffff - (0xffff_ffff % FRAME_BYTES);

/** The header of a file that has so many bytes with it. */
export function wavHeader(fileBytes: number): Buffer {
  const dataBytes = soundBytes(fileBytes);
  const header = Buffer.alloc(WAV_HEADER_BYTES);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(dataBytes + WAV_HEADER_BYTES - 8, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(CHANNELS, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(BYTES_PER_SECOND, 28);
  header.writeUInt16LE(FRAME_BYTES, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(dataBytes, 40);
  return header;
}

/** Whole frames behind the header: a process that was killed may have left half of one. */
export function soundBytes(fileBytes: number): number {
  const bytes = Math.max(0, Math.min(fileBytes, MAX_WAV_BYTES) - WAV_HEADER_BYTES);
  return bytes - (bytes % FRAME_BYTES);
}

/** Milliseconds of sound in a file of so many bytes. */
export function soundMs(fileBytes: number): number {
  return (soundBytes(fileBytes) / BYTES_PER_SECOND) * 1_000;
}
