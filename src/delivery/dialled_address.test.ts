import { expect, it } from 'vitest';
import { isMetadataAddress, metadataSafeLookup, refuseMetadataLiteral } from './dialled_address.ts';

it.each([
  '169.254.169.254',
  'fd00:ec2::254',
  'fd00:0ec2:0:0:0:0:0:254',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '64:ff9b::a9fe:a9fe',
  '2002:a9fe:a9fe::1',
  '100.100.100.200',
])('knows %s as a metadata address', (address) => {
  expect(isMetadataAddress(address)).toBe(true);
});

it.each(['127.0.0.1', '10.0.0.7', '169.254.10.10', '::1', 'fd00::1', '8.8.8.8', 'example.com'])(
  'leaves %s alone',
  (address) => {
    expect(isMetadataAddress(address)).toBe(false);
  },
);

it.each([
  'http://169.254.169.254/latest',
  'http://[fd00:ec2::254]/',
  'http://2852039166/',
  'http://0xa9fea9fe/',
  'http://0251.0376.0251.0376/',
  'http://[::ffff:169.254.169.254]/',
])('refuses %s before it is dialled', (url) => {
  expect(() => refuseMetadataLiteral(new URL(url))).toThrow(
    expect.objectContaining({ code: 'DELIVERY_ADDRESS_REFUSED' }),
  );
});

it('resolves other names as usual, one address or all', async () => {
  const lookup = (all: boolean) =>
    new Promise((resolve, reject) => {
      metadataSafeLookup('localhost', { all }, (error, address) =>
        error ? reject(error) : resolve(address),
      );
    });
  expect(await lookup(false)).toMatch(/^127\.|^::1$/);
  expect(await lookup(true)).toContainEqual(
    expect.objectContaining({ address: expect.stringMatching(/^127\.|^::1$/) }),
  );
});
