import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isCallwireError } from '../../src/errors.ts';
import { SipHeaders } from './sip_headers.ts';
import { parseMessage, responseTo, type SipRequest, serialiseMessage } from './sip_message.ts';

function datagram(...lines: string[]): Buffer {
  return Buffer.from(lines.join('\r\n'));
}

const REST = ['From: <sip:a@x>;tag=1', 'To: <sip:b@y>', 'Call-ID: c', 'CSeq: 7 INVITE'];

describe('parsing', () => {
  test('compact names, folded lines and shared lines are understood', () => {
    const message = parseMessage(
      datagram(
        'INVITE sip:b@y SIP/2.0',
        'v: SIP/2.0/UDP x:1;branch=z9hG4bK1, SIP/2.0/UDP w',
        'Via: SIP/2.0/UDP v',
        'f: "A, B" <sip:a@x>',
        '  ;tag=1',
        't: <sip:b@y>',
        'i: c',
        'CSeq: 7 INVITE',
        'm: "x, y" <sip:a@x;p=1,2>, <sip:c@z>',
        'l: 3',
        '',
        'abcdef',
      ),
    ) as SipRequest;
    expect(message.method).toBe('INVITE');
    expect(message.headers.all('VIA')).toHaveLength(3);
    expect(message.headers.get('from')).toBe('"A, B" <sip:a@x> ;tag=1');
    expect(message.headers.all('Contact')).toEqual(['"x, y" <sip:a@x;p=1,2>', '<sip:c@z>']);
    expect(message.body).toBe('abc');
  });

  test('a response has status and reason', () => {
    const message = parseMessage(
      datagram('SIP/2.0 486 Busy Here', 'Via: SIP/2.0/UDP x', ...REST, '', ''),
    );
    expect(message).toMatchObject({ kind: 'response', status: 486, reason: 'Busy Here', body: '' });
  });

  test.each([
    ['no blank line', datagram('INVITE sip:b@y SIP/2.0', 'Via: x', ...REST)],
    ['a missing header', datagram('INVITE sip:b@y SIP/2.0', ...REST, '', '')],
    ['another protocol', datagram('GET / HTTP/1.1', 'Via: x', ...REST, '', '')],
    [
      'a body shorter than it says',
      datagram('INVITE sip:b@y SIP/2.0', 'Via: x', ...REST, 'Content-Length: 9', '', 'abc'),
    ],
  ])('%s is refused', (_, bytes) => {
    expect(() => parseMessage(bytes)).toThrow(
      expect.objectContaining({ code: 'PHONE_BAD_SIP_MESSAGE' }),
    );
  });

  test('no datagram makes it fail in any other way', () => {
    const line = fc.oneof(fc.string(), fc.constantFrom('Via: x', ...REST, '', 'SIP/2.0 200 OK'));
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          parseMessage(datagram(...lines, '', ''));
        } catch (error) {
          expect(isCallwireError(error)).toBe(true);
        }
      }),
    );
  });
});

describe('writing', () => {
  const request: SipRequest = {
    kind: 'request',
    method: 'INVITE',
    uri: 'sip:b@y',
    headers: new SipHeaders([
      ['Via', 'SIP/2.0/UDP x;branch=z9hG4bK1'],
      ['From', '<sip:a@x>;tag=1'],
      ['To', '<sip:b@y>'],
      ['Call-ID', 'c'],
      ['CSeq', '7 INVITE'],
    ]),
    body: 'zwölf',
  };

  test('what is written is read back, its length counted in bytes', () => {
    const bytes = serialiseMessage(request);
    expect(bytes.toString()).toContain('Content-Length: 6\r\n');
    const back = parseMessage(bytes);
    expect(back).toMatchObject({ method: 'INVITE', uri: 'sip:b@y', body: 'zwölf' });
  });

  test('an answer repeats what names the request and tags To once', () => {
    const response = responseTo(request, 180, { toTag: 't' });
    expect(response.headers.get('To')).toBe('<sip:b@y>;tag=t');
    expect(response.headers.get('Via')).toBe(request.headers.get('Via'));
    const tagged = { ...request, headers: new SipHeaders(response.headers) };
    expect(responseTo(tagged, 200, { toTag: 'u' }).headers.get('To')).toBe('<sip:b@y>;tag=t');
  });
});
