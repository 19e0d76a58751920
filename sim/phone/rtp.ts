/** RTP packets (RFC 3550 5.1) and the keys of a phone in them (RFC 4733 2.3). */

/** A packet of ours carries this much audio. */
export const FRAME_MS = 20;
export const FRAME_SAMPLES = 160;

export interface RtpPacket {
  payloadType: number;
  marker: boolean;
  /** 16 bits, one more for each packet. */
  sequence: number;
  /** 32 bits, in samples. */
  timestamp: number;
  ssrc: number;
  payload: Uint8Array;
}

export function writeRtp(packet: RtpPacket): Buffer {
  const bytes = Buffer.alloc(12 + packet.payload.length);
  bytes[0] = 0x80;
  bytes[1] = (packet.marker ? 0x80 : 0) | packet.payloadType;
  bytes.writeUInt16BE(packet.sequence & 0xffff, 2);
  bytes.writeUInt32BE(packet.timestamp >>> 0, 4);
  bytes.writeUInt32BE(packet.ssrc >>> 0, 8);
  bytes.set(packet.payload, 12);
  return bytes;
}

/** Undefined when it is no RTP: anything may arrive at an open port. */
export function readRtp(bytes: Buffer): RtpPacket | undefined {
  if (bytes.length < 12 || bytes[0]! >> 6 !== 2) return undefined;
  let start = 12 + (bytes[0]! & 0x0f) * 4;
  if (bytes[0]! & 0x10) {
    if (bytes.length < start + 4) return undefined;
    start += 4 + bytes.readUInt16BE(start + 2) * 4;
  }
  const padding = bytes[0]! & 0x20 ? bytes.at(-1)! : 0;
  if (start + padding > bytes.length) return undefined;
  return {
    payloadType: bytes[1]! & 0x7f,
    marker: (bytes[1]! & 0x80) !== 0,
    sequence: bytes.readUInt16BE(2),
    timestamp: bytes.readUInt32BE(4),
    ssrc: bytes.readUInt32BE(8),
    payload: bytes.subarray(start, bytes.length - padding),
  };
}

export const KEYS = '0123456789*#ABCD';

export interface KeyEvent {
  key: string;
  /** Set on the last packet of the key, which is sent three times. */
  end: boolean;
  /** Samples since the key went down. */
  duration: number;
}

const VOLUME = 10; // -10 dBm0, the usual loudness of a key

export function writeKey(event: KeyEvent): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes[0] = KEYS.indexOf(event.key);
  bytes[1] = (event.end ? 0x80 : 0) | VOLUME;
  bytes.writeUInt16BE(Math.min(event.duration, 0xffff), 2);
  return bytes;
}

export function readKey(payload: Uint8Array): KeyEvent | undefined {
  const key = KEYS[payload[0] ?? -1];
  if (payload.length < 4 || key === undefined) return undefined;
  return { key, end: (payload[1]! & 0x80) !== 0, duration: (payload[2]! << 8) | payload[3]! };
}
