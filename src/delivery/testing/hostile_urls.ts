/* Ways to write an address that no delivery may go to, for tests of the guard. */

/** Of every kind that is not the public internet, or that a cloud keeps its credentials at. */
export const HOSTILE_IPV4: readonly string[] = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '10.255.255.255',
  '100.64.0.1',
  '100.100.100.200',
  '127.0.0.1',
  '127.255.255.254',
  '168.63.129.16',
  '169.254.1.1',
  '169.254.169.254',
  '172.16.5.4',
  '172.31.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.7',
  '203.0.113.9',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
];

export const HOSTILE_IPV6: readonly string[] = [
  '::',
  '::1',
  '100::1',
  '2001:2::1',
  '2001:10::1',
  '2001:db8::1',
  '3fff::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fd20:ce::254',
  'fdff:ffff::1',
  'fe80::1',
  'fec0::1',
  'ff02::1',
];

/** Every URL is another spelling; all of them lead to an address of the lists above. */
export function hostileUrls(): string[] {
  const urls: string[] = [];
  for (const scheme of ['http', 'https']) {
    for (const address of HOSTILE_IPV4) {
      for (const host of spellingsOf(address)) urls.push(`${scheme}://${host}/hook`);
      urls.push(`${scheme}://${address}:8443/hook?to=backend.example`);
      urls.push(`${scheme}://backend.example@${address}/`);
    }
    for (const address of HOSTILE_IPV6) {
      urls.push(`${scheme}://[${address}]/hook`, `${scheme}://[${address.toUpperCase()}]:8443/`);
    }
  }
  return urls;
}

function spellingsOf(address: string): string[] {
  const bytes = address.split('.').map(Number);
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  const whole = ((a * 256 + b) * 256 + c) * 256 + d;
  const hex = (value: number) => `0x${value.toString(16)}`;
  const octal = (value: number) => `0${value.toString(8)}`;
  const pair = (high: number, low: number) => (high * 256 + low).toString(16);
  const [high, low] = [pair(a, b), pair(c, d)];
  const inverted = [pair(255 - a, 255 - b), pair(255 - c, 255 - d)];
  return [
    address,
    `${address}.`,
    String(whole),
    hex(whole),
    hex(whole).toUpperCase().replace('X', 'x'),
    octal(whole),
    `0000${octal(whole)}`,
    bytes.map(hex).join('.'),
    bytes.map(octal).join('.'),
    `${a}.${b}.${c * 256 + d}`,
    `${a}.${(b * 256 + c) * 256 + d}`,
    `${hex(a)}.${octal(b)}.${c}.${d}`,
    [...address].map((character) => `%${character.charCodeAt(0).toString(16)}`).join(''),
    address.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
    address.replaceAll('.', '。'),
    `[::ffff:${address}]`,
    `[::ffff:${high}:${low}]`,
    `[0:0:0:0:0:ffff:${high}:${low}]`,
    `[::${address}]`,
    `[::ffff:0:${address}]`,
    `[64:ff9b::${address}]`,
    `[64:ff9b:1::${high}:${low}]`,
    `[2002:${high}:${low}::1]`,
    `[2001:0:4136:e378:8000:63bf:${inverted.join(':')}]`,
  ];
}
