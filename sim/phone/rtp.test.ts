import { expect, test } from 'vitest';
import { readRtp, writeRtp } from './rtp.ts';

const PACKET = {
  payloadType: 0,
  marker: true,
  sequence: 65_535,
  timestamp: 2 ** 32 - 1,
  ssrc: 2 ** 32 - 2,
  payload: Buffer.from([1, 2, 3]),
};

test('what is written is read back', () => {
  expect(readRtp(writeRtp(PACKET))).toEqual(PACKET);
});

test('sources, extension and padding are no payload', () => {
  const plain = writeRtp({ ...PACKET, payload: new Uint8Array(0) });
  plain[0] = 0x80 | 0x20 | 0x10 | 1;
  const source = Buffer.alloc(4);
  const extension = Buffer.from([0xbe, 0xde, 0, 1, 9, 9, 9, 9]);
  const packet = Buffer.concat([plain, source, extension, PACKET.payload, Buffer.from([0, 2])]);
  expect(readRtp(packet)?.payload).toEqual(PACKET.payload);
});

test.each([
  ['too short', Buffer.alloc(11, 0x80)],
  ['another version', Buffer.alloc(20)],
  ['more padding than packet', Buffer.concat([Buffer.from([0xa0]), Buffer.alloc(14, 200)])],
  ['an extension that ends outside', Buffer.concat([Buffer.from([0x90]), Buffer.alloc(15, 99)])],
])('%s is no RTP', (_, bytes) => {
  expect(readRtp(bytes)).toBeUndefined();
});
