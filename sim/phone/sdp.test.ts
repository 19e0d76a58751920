import { expect, test } from 'vitest';
import { readSdp, writeSdp } from './sdp.ts';

const BASE = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0'];

test('our own SDP is read back', () => {
  expect(readSdp(writeSdp({ host: '127.0.0.1', port: 4000, id: 1 }))).toEqual({
    endpoint: { host: '127.0.0.1', port: 4000 },
    keysPayloadType: 101,
  });
});

test('the address of the audio stream wins, and keys keep their own number', () => {
  const sdp = [
    ...BASE,
    'm=video 9 RTP/AVP 96',
    'c=IN IP4 192.0.2.8',
    'm=audio 5000 RTP/AVP 0 96',
    'c=IN IP4 192.0.2.9',
    'a=rtpmap:96 telephone-event/8000',
  ].join('\r\n');
  expect(readSdp(sdp)).toEqual({
    endpoint: { host: '192.0.2.9', port: 5000 },
    keysPayloadType: 96,
  });
});

test.each([
  ['no audio', []],
  ['audio refused', ['m=audio 0 RTP/AVP 0']],
  ['no PCMU', ['m=audio 5000 RTP/AVP 8 18']],
  ['encrypted audio only', ['m=audio 5000 RTP/SAVP 0']],
])('%s is no common media', (_, lines) => {
  expect(() => readSdp([...BASE, ...lines].join('\r\n'))).toThrow(
    expect.objectContaining({ code: 'PHONE_NO_COMMON_MEDIA' }),
  );
});
