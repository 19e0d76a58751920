import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { CallwireError } from '../errors.ts';

/**
 * Where clouds hand credentials to whoever asks from inside the machine. No webhook has business
 * there, also not one whose URL the operator wrote. Whole link-local ranges stay open: they are
 * legitimate in a home network.
 */
const METADATA_ADDRESSES = new Set(
  [
    '169.254.169.254', // AWS, Google, Azure, Oracle, DigitalOcean, OpenStack
    '169.254.169.253', // AWS: its resolver
    '169.254.170.2', // AWS ECS task credentials
    '169.254.170.23', // AWS EKS pod identity
    '169.254.0.23', // Tencent
    '100.100.100.200', // Alibaba
    '192.0.0.192', // Oracle, the older generation
    '168.63.129.16', // Azure's host channel
    'fd00:ec2::254', // AWS
    'fd00:ec2::23', // AWS EKS pod identity
    'fd20:ce::254', // Google
  ].map((address) => ipaddr.parse(address).toNormalizedString()),
);

/** Also for an IPv4 address dressed as IPv6: mapped, compatible, NAT64 or 6to4. */
export function isMetadataAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (METADATA_ADDRESSES.has(parsed.toNormalizedString())) return true;
  const bytes = parsed.toByteArray();
  return embeddedIpv4(bytes).some((four) =>
    METADATA_ADDRESSES.has(ipaddr.fromByteArray(four).toNormalizedString()),
  );
}

function embeddedIpv4(bytes: number[]): number[][] {
  if (bytes.length === 4) return [];
  const found: number[][] = [];
  const compatibleOrMapped = bytes.slice(0, 10).every((byte) => byte === 0);
  const nat64 = startsWith(bytes, [0x00, 0x64, 0xff, 0x9b]);
  if (compatibleOrMapped || nat64) found.push(bytes.slice(12));
  if (startsWith(bytes, [0x20, 0x02])) found.push(bytes.slice(2, 6));
  return found;
}

function startsWith(bytes: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}

/**
 * Throws `DELIVERY_ADDRESS_REFUSED` for a URL whose host is written as a metadata address. Needed
 * beside `metadataSafeLookup`: no look-up happens for a literal. The URL parser has already
 * rewritten the decimal, octal and short spellings.
 */
export function refuseMetadataLiteral(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && isMetadataAddress(host)) throw refused();
}

/** For the `connect` options: judges the addresses that are really dialled. */
export const metadataSafeLookup: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const [first] = addresses ?? [];
    if (error) callback(error, []);
    else if (addresses.some(({ address }) => isMetadataAddress(address))) callback(refused(), []);
    else if (options.all || first === undefined) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function refused(): CallwireError {
  return new CallwireError(
    'DELIVERY_ADDRESS_REFUSED',
    'The host of the URL is an address where a cloud keeps its credentials.',
    { remedy: 'Point WEBHOOK_URL (or the endpoint) at your backend.' },
  );
}
