import { expect, it } from 'vitest';
import { endpointUrlCheck } from './endpoint_address.ts';

const check = (url: string, ...allowNetworks: string[]) =>
  endpointUrlCheck(allowNetworks)(new URL(url));
const refused = expect.objectContaining({ code: 'DELIVERY_ADDRESS_REFUSED' });
const plain = expect.objectContaining({ code: 'DELIVERY_PLAIN_HTTP_REFUSED' });

it.each(['https://backend.example/hook', 'https://8.8.8.8/', 'https://backend.example:8443'])(
  'takes %s',
  (url) => check(url),
);

it.each([
  'https://127.0.0.1/',
  'https://[::1]/',
  'https://10.0.0.7/',
  'https://0x7f.1/',
  'https://localhost/',
  'https://x.localhost/',
  'https://169.254.169.254/',
])('refuses %s', (url) => {
  expect(() => check(url)).toThrow(refused);
});

it.each(['http://8.8.8.8/', 'http://backend.example/'])('refuses %s without TLS', (url) => {
  expect(() => check(url)).toThrow(plain);
});

it('takes what lies in an allowed network, without TLS too', () => {
  check('http://10.0.0.7/', '10.0.0.0/8');
  check('http://localhost:9000/', '127.0.0.0/8');
  check('http://inside.example/', '10.0.0.0/8');
});

it('says that no setting opens an address of cloud credentials', () => {
  const address = 'http://169.254.169.254/';
  expect(() => check(address, '0.0.0.0/0')).toThrow(refused);
  expect(() => check(address)).not.toThrow(/ALLOW_NETWORKS/);
});
