import { describe, expect, it } from 'vitest';
import { checkUrl, guardedReach, isPublicAddress, OPERATOR_REACH } from './reach.ts';
import { HOSTILE_IPV4, HOSTILE_IPV6, hostileUrls } from './testing/hostile_urls.ts';

const PUBLIC = ['8.8.8.8', '93.184.216.34', '223.255.255.254', '2606:4700::6810:84e5'];

describe('the reach of an endpoint made by the API', () => {
  const reach = guardedReach();

  it.each([...HOSTILE_IPV4, ...HOSTILE_IPV6])('does not take in %s', (address) => {
    expect(reach.judge(address, 'https:')).toMatch(/^(private|metadata)$/);
  });

  it.each(PUBLIC)('takes in %s over https', (address) => {
    expect(reach.judge(address, 'https:')).toBe('open');
    expect(reach.judge(address, 'http:')).toBe('plain_http');
    expect(isPublicAddress(address)).toBe(true);
  });

  it('has no place for what is no address', () => {
    expect(reach.judge('backend.example', 'https:')).toBe('private');
    expect(reach.judge('fe80::1%eth0', 'https:')).toBe('private');
  });

  it('takes in the networks that the operator names, over plain http too', () => {
    const wide = guardedReach(['10.1.0.0/16', '127.0.0.1', 'fd12::/32', '169.254.0.0/16']);
    const judged = (address: string) => wide.judge(address, 'http:');
    expect(['10.1.2.3', '127.0.0.1', 'fd12::9', '169.254.1.1'].map(judged)).toEqual(
      Array(4).fill('open'),
    );
    expect(['10.2.0.1', '127.0.0.2', 'fd13::9', '::ffff:10.1.2.3'].map(judged)).toEqual(
      Array(4).fill('private'),
    );
    expect(judged('8.8.8.8')).toBe('plain_http');
  });

  it('never takes in metadata addresses, not even with everything open', () => {
    const everything = guardedReach(['0.0.0.0/0', '::/0']);
    const dressed = ['::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1'];
    for (const address of ['169.254.169.254', '100.100.100.200', 'fd00:ec2::254', ...dressed]) {
      expect(everything.judge(address, 'https:')).toBe('metadata');
    }
    expect(everything.judge('192.168.1.1', 'http:')).toBe('open');
  });

  it.each(['10.0.0.0/33', 'backend.example', '10.0.0/8x', ''])('refuses "%s"', (network) => {
    expect(() => guardedReach([network])).toThrow(
      expect.objectContaining({ code: 'DELIVERY_NETWORK_INVALID', remedy: expect.any(String) }),
    );
  });
});

describe('the reach of the operator', () => {
  it.each(['127.0.0.1', '10.0.0.7', '169.254.10.10', '::1', 'fd00::1', '8.8.8.8'])(
    'takes in %s',
    (address) => expect(OPERATOR_REACH.judge(address, 'http:')).toBe('open'),
  );

  it.each(['169.254.169.254', '::ffff:a9fe:a9fe', 'fd00:0ec2:0:0:0:0:0:254', '100.100.100.200'])(
    'does not take in %s',
    (address) => expect(OPERATOR_REACH.judge(address, 'http:')).toBe('metadata'),
  );
});

describe('a URL that is taken in', () => {
  const codeOf = (url: string, networks: string[] = []) => {
    try {
      checkUrl(new URL(url), guardedReach(networks));
      return null;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  it('is refused where it is written as a hostile address, in whichever spelling', () => {
    const passed = hostileUrls().filter((url) => codeOf(url) !== 'DELIVERY_ADDRESS_REFUSED');
    expect(passed).toEqual([]);
  });

  it('passes as a name, which is judged when it is dialled', () => {
    expect(codeOf('https://backend.example/hook')).toBeNull();
    expect(codeOf('https://localhost/')).toBeNull();
    expect(codeOf('https://8.8.8.8/')).toBeNull();
  });

  it('is refused without TLS where no network could make up for it', () => {
    expect(codeOf('http://backend.example/')).toBe('DELIVERY_PLAIN_HTTP_REFUSED');
    expect(codeOf('http://8.8.8.8/')).toBe('DELIVERY_PLAIN_HTTP_REFUSED');
    expect(codeOf('http://backend.example/', ['10.0.0.0/8'])).toBeNull();
    expect(codeOf('http://10.0.0.7/', ['10.0.0.0/8'])).toBeNull();
  });
});
