import { type LookupAddress, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { ProxyTunnel } from './proxy_tunnel.ts';
import { isPublicAddress, literalHost, outOfReach, type Reach } from './reach.ts';

export interface GuardedConnectorOptions {
  reach: Reach;
  /** For one connection, TLS included. */
  timeoutMs: number;
  /** Public addresses are reached through it (Default: `null`, directly) */
  tunnel?: ProxyTunnel | null;
  /** All addresses of a name (Default: the system's resolver) */
  resolve?: Resolve;
  /** What dials in the end (Default: undici's) */
  build?: typeof buildConnector;
}

export type Resolve = (hostname: string) => Promise<LookupAddress[]>;

/**
 * Connects only where `reach` lets it, judged by the address that is dialled:
 *
 *   literal ──────────────▶ judged ─▶ dialled          (Node looks up no literal, so no hook sees it)
 *   name ─▶ looked up once ─▶ judged ─▶ those dialled  (a second look-up could say something else)
 *                                  └──▶ named to the proxy: it dials an address, never a name
 *
 * Of a name with several addresses the ones out of reach are dropped; with none left it is refused
 * with `DELIVERY_ADDRESS_REFUSED` or, where only TLS is missing, `DELIVERY_PLAIN_HTTP_REFUSED`.
 * A private address that is within reach is dialled directly also where there is a proxy.
 */
export function guardedConnector(options: GuardedConnectorOptions): buildConnector.connector {
  const { reach, timeoutMs, tunnel = null, resolve = systemResolve } = options;
  const build = options.build ?? buildConnector;
  const judged = async (host: string, protocol: string): Promise<LookupAddress[]> =>
    withinReach(await resolve(host), reach, protocol);
  const dialFor = (protocol: string) =>
    build({
      timeout: timeoutMs,
      // One stalled HTTP/2 session would hold up every delivery to its origin.
      allowH2: false,
      lookup: lookupThat((host) => judged(host, protocol)),
    });
  const dial = { 'http:': dialFor('http:'), 'https:': dialFor('https:') };

  const connect = async (to: buildConnector.Options, callback: buildConnector.Callback) => {
    const protocol = to.protocol === 'https:' ? 'https:' : 'http:';
    const host = literalHost(to.hostname);
    const family = isIP(host);
    const literal = family === 0 ? null : withinReach([{ address: host, family }], reach, protocol);
    if (tunnel === null) return dial[protocol](to, callback);
    const [first] = literal ?? (await judged(host, protocol));
    if (first === undefined || !isPublicAddress(first.address)) return dial[protocol](to, callback);
    const socket = await tunnel.open(first.address, Number(to.port) || DEFAULT_PORTS[protocol]);
    if (protocol === 'https:') dial[protocol]({ ...to, httpSocket: socket }, callback);
    else callback(null, socket);
  };
  return (to, callback) => {
    connect(to, callback).catch((error: Error) => callback(error, null));
  };
}

const DEFAULT_PORTS = { 'http:': 80, 'https:': 443 };

function systemResolve(hostname: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(hostname, { all: true }, (error, addresses) =>
      error ? reject(error) : resolve(addresses),
    );
  });
}

/** @throws `DELIVERY_ADDRESS_REFUSED`, `DELIVERY_PLAIN_HTTP_REFUSED` when none of them is. */
function withinReach(
  addresses: readonly LookupAddress[],
  reach: Reach,
  protocol: string,
): LookupAddress[] {
  const judgements = addresses.map(({ address }) => reach.judge(address, protocol));
  const open = addresses.filter((_, index) => judgements[index] === 'open');
  if (open.length === 0) throw outOfReach(judgements);
  return open;
}

function lookupThat(addressesOf: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    addressesOf(hostname).then(
      (all) => {
        const wanted = all.filter(({ family }) => !options.family || options.family === family);
        const [first] = wanted;
        if (options.all === true) callback(null, wanted);
        else if (first !== undefined) callback(null, first.address, first.family);
        else callback(new Error('no address of the wanted family'), []);
      },
      (error: Error) => callback(error, []),
    );
  };
}
