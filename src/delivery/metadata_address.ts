import ipaddr from 'ipaddr.js';

/**
 * Where clouds hand credentials to whoever asks from inside the machine. No webhook has business
 * there, also not one whose URL the operator wrote.
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
  if (METADATA_ADDRESSES.has(withoutZone(parsed))) return true;
  const bytes = parsed.toByteArray();
  return embeddedIpv4(bytes).some((four) =>
    METADATA_ADDRESSES.has(ipaddr.fromByteArray(four).toNormalizedString()),
  );
}

function withoutZone(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  return ipaddr.fromByteArray(address.toByteArray()).toNormalizedString();
}

function embeddedIpv4(bytes: number[]): number[][] {
  if (bytes.length === 4) return [];
  const found: number[][] = [];
  const compatibleOrMapped = bytes.slice(0, 8).every((byte) => byte === 0);
  const nat64 = startsWith(bytes, [0x00, 0x64, 0xff, 0x9b]);
  if (compatibleOrMapped || nat64) found.push(bytes.slice(12));
  if (startsWith(bytes, [0x20, 0x02])) found.push(bytes.slice(2, 6));
  return found;
}

function startsWith(bytes: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}
