import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whether a program answers, asked once. Never rejects. */
export type HealthCheck = () => Promise<boolean>;

const ANSWER_TIMEOUT_MS = 500;
const POLL_INTERVAL_MS = 50;

/** Asks until the answer is yes. `false` when the time is up; rejects when `signal` aborts. */
export async function becomesHealthy(
  check: HealthCheck,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    if (await check()) return true;
    await sleep(POLL_INTERVAL_MS, undefined, { signal });
  }
  return false;
}

export function redisAnswers(port: number): HealthCheck {
  return () =>
    new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port });
      const settle = (healthy: boolean) => {
        socket.destroy();
        resolve(healthy);
      };
      socket.setTimeout(ANSWER_TIMEOUT_MS, () => settle(false));
      socket.once('error', () => settle(false));
      socket.once('close', () => settle(false));
      socket.once('connect', () => socket.write('PING\r\n'));
      socket.once('data', (answer) => settle(answer.toString().startsWith('+PONG')));
    });
}

/** livekit-server says 200 on `/` once it is registered in redis and keeps its node alive there. */
export function livekitAnswers(port: number): HealthCheck {
  return async () => {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/`, {
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      await response.body?.cancel();
      return response.status === 200;
    } catch {
      return false;
    }
  };
}

/**
 * Asks like a carrier does, with OPTIONS over UDP (RFC 3261, section 11). Refused: livekit-sip's
 * `health_port`, which would be one more port, open on every interface.
 */
export function sipAnswers(port: number): HealthCheck {
  return () =>
    new Promise((resolve) => {
      const socket = createSocket('udp4');
      const timer = setTimeout(() => settle(false), ANSWER_TIMEOUT_MS);
      const settle = (healthy: boolean) => {
        clearTimeout(timer);
        socket.removeAllListeners('message').close();
        resolve(healthy);
      };
      socket.once('error', () => settle(false));
      socket.once('message', (answer) => settle(answer.toString().startsWith('SIP/2.0 200')));
      // Connected, so that a port on which nobody listens is an error at once.
      socket.connect(port, '127.0.0.1', () => {
        socket.send(optionsRequest(port, socket.address().port));
      });
    });
}

function optionsRequest(port: number, from: number): string {
  const unique = `${from}${Math.random().toString(36).slice(2)}`;
  return [
    `OPTIONS sip:127.0.0.1:${port} SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${from};rport;branch=z9hG4bK${unique}`,
    'Max-Forwards: 70',
    `From: <sip:health@127.0.0.1:${from}>;tag=${unique}`,
    `To: <sip:127.0.0.1:${port}>`,
    `Call-ID: ${unique}@127.0.0.1`,
    'CSeq: 1 OPTIONS',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}
