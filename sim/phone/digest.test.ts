import { describe, expect, test } from 'vitest';
import { authorize, parseChallenge } from './digest.ts';

const MUFASA = { username: 'Mufasa', password: 'Circle of Life' };

function responseOf(value: string | undefined): string | undefined {
  return parseChallenge(value ?? '')?.response;
}

describe('published vectors', () => {
  test('RFC 2617 3.5, MD5 with qop', () => {
    const value = authorize({
      challenges: [
        'Digest realm="testrealm@host.com", qop="auth,auth-int", ' +
          'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
      ],
      credentials: { username: 'Mufasa', password: 'Circle Of Life' },
      method: 'GET',
      uri: '/dir/index.html',
      cnonce: '0a4f113b',
    });
    expect(responseOf(value)).toBe('6629fae49393a05397450978507c4ef1');
    expect(value).toContain('opaque="5ccc069c403ebaf9f0171e9517f40e41"');
  });

  test.each([
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ])('RFC 7616 3.9.1, %s', (algorithm, expected) => {
    const value = authorize({
      challenges: [
        `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, ` +
          'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"',
      ],
      credentials: MUFASA,
      method: 'GET',
      uri: '/dir/index.html',
      cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
    });
    expect(responseOf(value)).toBe(expected);
  });
});

const INVITE = { credentials: MUFASA, method: 'INVITE', uri: 'sip:a@b' };

test('without qop there is neither counter nor cnonce', () => {
  const value = authorize({ ...INVITE, challenges: ['Digest realm="r", nonce="n"'] });
  expect(value).not.toMatch(/qop|nc=|cnonce/);
});

test('the first challenge we can answer is taken', () => {
  const value = authorize({
    ...INVITE,
    challenges: [
      'Bearer realm="r"',
      'Digest realm="r", nonce="n", algorithm=SHA-512-256, qop="auth"',
      'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"',
      'Digest realm="r", nonce="n", algorithm=MD5, qop="auth"',
    ],
  });
  expect(value).toContain('algorithm=SHA-256,');
});

test('a challenge that wants auth-int alone cannot be answered', () => {
  const challenges = ['Digest realm="r", nonce="n", qop="auth-int"'];
  expect(authorize({ ...INVITE, challenges })).toBeUndefined();
});
