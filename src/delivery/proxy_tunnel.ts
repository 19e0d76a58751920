import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIPv6, type Socket } from 'node:net';
import { CallwireError } from '../errors.ts';
import { literalHost } from './reach.ts';
import { USER_AGENT } from './user_agent.ts';

/** Opens connections through an HTTP proxy (`CONNECT`, RFC 9110, 9.3.6). */
export interface ProxyTunnel {
  /**
   * A connection to an address, which is judged already: undici's own proxy agent would hand the
   * proxy a name, and what the proxy resolves nobody here has judged.
   *
   * Rejects with what is the proxy's fault and not the destination's: `DELIVERY_PROXY_UNREACHABLE`,
   * `DELIVERY_PROXY_AUTH` (407), `DELIVERY_PROXY_FAILED` (502 with nothing else getting through
   * either); and with `DELIVERY_PROXY_REFUSED` for what it answers about this destination.
   */
  open(address: string, port: number): Promise<Socket>;
}

export interface ProxyTunnelOptions {
  /** `http://` or `https://`, with the login where there is one. */
  proxy: URL;
  /** Until the proxy itself has been reached (Default: 5 s) */
  connectTimeoutMs?: number;
  /** Until it has reached the destination (Default: 30 s, above the deadline of an attempt) */
  answerTimeoutMs?: number;
  /** Milliseconds (Default: `performance.now`) */
  clock?: () => number;
}

/**
 * A proxy says 502 of a destination that is down as well as of its own broken uplink. As long as it
 * has opened a tunnel to anybody within this time, its 502 is about the destination.
 */
const UPLINK_PROVEN_MS = 60_000;

export function createProxyTunnel(options: ProxyTunnelOptions): ProxyTunnel {
  const { proxy, connectTimeoutMs = 5_000, answerTimeoutMs = 30_000 } = options;
  const clock = options.clock ?? (() => performance.now());
  const request = proxy.protocol === 'https:' ? httpsRequest : httpRequest;
  let lastOpened = Number.NEGATIVE_INFINITY;

  const answered = (response: IncomingMessage, socket: Socket): Socket => {
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) {
      lastOpened = clock();
      return socket;
    }
    socket.destroy();
    if (status === 407) throw proxyError('DELIVERY_PROXY_AUTH', 'asks for another login');
    const proven = clock() - lastOpened <= UPLINK_PROVEN_MS;
    if (status === 502 && !proven) throw proxyError('DELIVERY_PROXY_FAILED', 'answered 502');
    throw proxyError('DELIVERY_PROXY_REFUSED', `answered ${status} for this destination`);
  };

  return {
    open(address, port) {
      const authority = `${isIPv6(address) ? `[${address}]` : address}:${port}`;
      const { promise, resolve, reject } = Promise.withResolvers<Socket>();
      const connect = request({
        host: literalHost(proxy.hostname),
        port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
        method: 'CONNECT',
        path: authority,
        agent: false,
        headers: { Host: authority, 'User-Agent': USER_AGENT, ...login(proxy) },
      });
      let timer = setTimeout(() => connect.destroy(new Error('time-out')), connectTimeoutMs);
      connect.once('socket', (socket) =>
        socket.once(proxy.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
          clearTimeout(timer);
          timer = setTimeout(() => connect.destroy(new Error('time-out')), answerTimeoutMs);
        }),
      );
      connect.once('connect', (response, socket, head) => {
        clearTimeout(timer);
        // The request's listeners are gone with the answer; undici brings its own a moment later.
        socket.on('error', () => {});
        if (head.length > 0) socket.unshift(head);
        try {
          resolve(answered(response, socket));
        } catch (error) {
          reject(error);
        }
      });
      connect.once('error', (cause) => {
        clearTimeout(timer);
        reject(proxyError('DELIVERY_PROXY_UNREACHABLE', 'cannot be reached', cause));
      });
      connect.end();
      return promise;
    },
  };
}

function login({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'Proxy-Authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

function proxyError(code: string, what: string, cause?: unknown): CallwireError {
  return new CallwireError(code, `The proxy of deliveries ${what}.`, {
    retryable: true,
    remedy: 'Check DELIVERY_PROXY and the proxy itself; deliveries wait meanwhile.',
    ...(cause !== undefined && { cause }),
  });
}
