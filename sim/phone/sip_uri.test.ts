import { expect, test } from 'vitest';
import { endpointOf, parseNameAddr, parseVia, userOf } from './sip_uri.ts';

test.each([
  ['sip:+15550100000@127.0.0.1:5070;transport=udp', '127.0.0.1', 5070],
  ['sip:127.0.0.1', '127.0.0.1', 5060],
  ['sip:a@example.test;lr?x=y', 'example.test', 5060],
  ['sip:a@[2001:db8::1]:5080', '2001:db8::1', 5080],
  ['sip:a@192.0.2.1:5070;maddr=192.0.2.9', '192.0.2.9', 5070],
])('%s is reached at %s port %i', (uri, host, port) => {
  expect(endpointOf(uri)).toEqual({ host, port });
});

test('a tel: URI cannot be sent to', () => {
  expect(() => endpointOf('tel:+15550100200')).toThrow(
    expect.objectContaining({ code: 'PHONE_BAD_SIP_URI' }),
  );
});

test.each([
  ['"Bob <x>" <sip:b@y;lr>;tag=1', 'sip:b@y;lr', { tag: '1' }],
  ['sip:b@y;tag=1', 'sip:b@y', { tag: '1' }],
  ['<tel:+15550100200>', 'tel:+15550100200', {}],
  ['Bob <sip:b@y> ; Expires="3"', 'sip:b@y', { expires: '3' }],
])('%s names %s', (value, uri, params) => {
  const parsed = parseNameAddr(value);
  expect(parsed.uri).toBe(uri);
  expect(Object.fromEntries(parsed.params)).toEqual(params);
});

test('a Via says who sent it', () => {
  const via = parseVia('SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1;rport');
  expect(via.sentBy).toEqual({ host: '192.0.2.1', port: 5070 });
  expect(via.params.get('branch')).toBe('z9hG4bK1');
  expect(via.params.has('rport')).toBe(true);
});

test.each([
  ['sip:+15550100200@127.0.0.1:5070;transport=udp', '+15550100200'],
  ['sip:+15550100200;phone-context=x@carrier.example', '+15550100200'],
  ['sips:anna@carrier.example', 'anna'],
  ['tel:+15550100200;ext=4', '+15550100200'],
  ['sip:carrier.example', ''],
])('the user of %s', (uri, user) => {
  expect(userOf(uri)).toBe(user);
});
