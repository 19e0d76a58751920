import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { CallwireError } from '../errors.ts';
import { isMetadataAddress } from './metadata_address.ts';

/**
 * What may be dialled. A URL that the operator wrote may lead into the operator's own network; one
 * that came through the API may not, for whoever holds an API key would else reach everything that
 * this machine reaches (SSRF).
 */
export interface Reach {
  /** Whether plain http can lead anywhere at all. */
  readonly plainHttp: boolean;
  /** Of an address that is about to be dialled, never of a name. */
  judge(address: string, protocol: string): Judgement;
}

export type Judgement =
  | 'open'
  /** Not a public address, and in none of ALLOW_NETWORKS. */
  | 'private'
  /** Nothing opens these. */
  | 'metadata'
  /** Public, but without TLS. */
  | 'plain_http';

export const OPERATOR_REACH: Reach = {
  plainHttp: true,
  judge: (address) => (isMetadataAddress(address) ? 'metadata' : 'open'),
};

/**
 * For endpoints made by the API: public addresses over https, and `allowNetworks` (addresses or
 * networks in CIDR form) over http too.
 *
 * @throws `DELIVERY_NETWORK_INVALID` for a network that cannot be read.
 */
export function guardedReach(allowNetworks: readonly string[] = []): Reach {
  const allowed = allowNetworks.map(parseNetwork);
  return {
    plainHttp: allowed.length > 0,
    judge(address, protocol) {
      if (isMetadataAddress(address)) return 'metadata';
      if (!ipaddr.isValid(address)) return 'private';
      const parsed = ipaddr.parse(address);
      if (allowed.some((network) => isWithin(parsed, network))) return 'open';
      if (!isPublic(parsed)) return 'private';
      return protocol === 'https:' ? 'open' : 'plain_http';
    },
  };
}

/**
 * For whoever takes a URL in: what is wrong with it already as it is written. Where a name leads is
 * only known, and judged, when it is dialled.
 *
 * @throws `DELIVERY_ADDRESS_REFUSED`, `DELIVERY_PLAIN_HTTP_REFUSED`
 */
export function checkUrl(url: URL, reach: Reach): void {
  const host = literalHost(url.hostname);
  if (isIP(host) !== 0) {
    const judgement = reach.judge(host, url.protocol);
    if (judgement !== 'open') throw outOfReach([judgement]);
  } else if (url.protocol !== 'https:' && !reach.plainHttp) {
    throw outOfReach(['plain_http']);
  }
}

/** The error for a host none of whose addresses is open. */
export function outOfReach(judgements: readonly Judgement[]): CallwireError {
  if (judgements.length > 0 && judgements.every((judgement) => judgement === 'plain_http')) {
    return new CallwireError(
      'DELIVERY_PLAIN_HTTP_REFUSED',
      'Deliveries to a public address go over https.',
      { remedy: 'Use an https URL, or name the network in ALLOW_NETWORKS.' },
    );
  }
  if (judgements.includes('metadata')) {
    return new CallwireError(
      'DELIVERY_ADDRESS_REFUSED',
      'The host of the URL is an address where a cloud keeps its credentials.',
      { remedy: 'Use a public https URL: no setting opens this address.' },
    );
  }
  return new CallwireError(
    'DELIVERY_ADDRESS_REFUSED',
    'The host of the URL is not a public address.',
    { remedy: 'Use a public https URL, or name the private network in ALLOW_NETWORKS.' },
  );
}

/** IPv6 stands in brackets in a URL, and nowhere else. */
export function literalHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** Whether the rest of the world can be there. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && isPublic(ipaddr.parse(address));
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [Address, number];

/**
 * IPv6 has so many ranges for special purposes, old and new, that it is asked the other way round:
 * global unicast is 2000::/3 without those ranges of it that stand for something else (Teredo, 6to4,
 * documentation, …). That leaves out every form that carries an IPv4 address.
 */
function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  return address.kind() === 'ipv4' || isWithin(address, GLOBAL_UNICAST);
}

const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3') as Network;

/** IPv4 and IPv6 never match each other, also not as mapped addresses. */
function isWithin(address: Address, [base, bits]: Network): boolean {
  return address.kind() === base.kind() && address.match(base, bits);
}

function parseNetwork(text: string): Network {
  try {
    if (text.includes('/')) return ipaddr.parseCIDR(text);
    const address = ipaddr.parse(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  } catch (cause) {
    throw new CallwireError('DELIVERY_NETWORK_INVALID', `"${text}" is no address and no network.`, {
      remedy: 'Write networks like 10.1.0.0/16 or fd12:3456::/32 in ALLOW_NETWORKS.',
      cause,
    });
  }
}
