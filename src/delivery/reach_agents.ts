import { Agent } from 'undici';
import { guardedConnector, type Resolve } from './guarded_connector.ts';
import { createProxyTunnel } from './proxy_tunnel.ts';
import { guardedReach, OPERATOR_REACH, type Reach } from './reach.ts';

/** An agent for each reach: one's open connections must not serve the other's requests. */
export type ReachAgents = Record<'operator' | 'guarded', Agent>;

export interface ReachAgentOptions {
  /** Networks (CIDR) that `guarded` may lead into, see `guardedReach` (Default: none) */
  allowNetworks?: readonly string[];
  /** The proxy's URL; public addresses are reached through it (Default: none) */
  proxy?: string | undefined;
  /** For one connection, TLS included. */
  connectTimeoutMs: number;
  /** Looks names up, for tests (Default: the system's resolver) */
  resolve?: Resolve;
}

/** What requests of ours to other people's systems go through. */
export function createReachAgents(options: ReachAgentOptions): ReachAgents {
  const tunnel = options.proxy ? createProxyTunnel({ proxy: new URL(options.proxy) }) : null;
  const agent = (reach: Reach) =>
    new Agent({
      // As many as there are attempts, which the loop limits by target: with a limit by origin, one
      // path that hangs would take the sockets of the others.
      connections: null,
      pipelining: 1,
      allowH2: false,
      // The one deadline covers these; theirs would be a second opinion, and a coarser one.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: guardedConnector({
        reach,
        timeoutMs: options.connectTimeoutMs,
        tunnel,
        ...(options.resolve && { resolve: options.resolve }),
      }),
    });
  return { operator: agent(OPERATOR_REACH), guarded: agent(guardedReach(options.allowNetworks)) };
}
