import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { CallwireError } from '../src/errors.ts';

/** The ports of one local stack; `settings.stack` has this shape. */
export interface StackPorts {
  /** TCP: API and signalling of livekit-server. */
  livekitPort: number;
  rtcTcpPort: number;
  /** The one UDP port that carries the media of all rooms. */
  rtcUdpPort: number;
  /** UDP and TCP. */
  sipPort: number;
  redisPort: number;
  /** UDP, both ends included. livekit-sip takes the even ones: a call for every two ports. */
  rtpPorts: { from: number; to: number };
}

type Protocol = 'TCP' | 'UDP';

export interface Listener {
  setting: string;
  protocol: Protocol;
  port: number;
  /** What the program will bind; `undefined` is every interface. */
  address: string | undefined;
}

/**
 * Ports that are free now, for stacks of tests and benchmarks. They lie together below 32768,
 * where no system gives ports to outgoing sockets, so hardly anything takes one before it is used.
 */
export async function freePorts({ calls = 50 }: { calls?: number } = {}): Promise<StackPorts> {
  const LOWEST = 20_000;
  const BEYOND = 32_000;
  const size = 6 + 2 * calls;
  for (let attempt = 0; attempt < 100; attempt++) {
    const first = 2 * randomInt(LOWEST / 2, (BEYOND - size) / 2);
    const ports: StackPorts = {
      livekitPort: first,
      rtcTcpPort: first + 1,
      rtcUdpPort: first + 2,
      sipPort: first + 3,
      redisPort: first + 4,
      rtpPorts: { from: first + 6, to: first + 5 + 2 * calls },
    };
    const all = [...listeners(ports), ...rtpListeners(ports)];
    const free = await Promise.all(all.map(isFree));
    if (free.every(Boolean)) return ports;
  }
  throw new CallwireError('STACK_NO_FREE_PORTS', `No ${size} ports in a row are free`, {
    retryable: true,
    remedy: `Stop what listens on the ports from ${LOWEST} to ${BEYOND}.`,
  });
}

/**
 * Throws `STACK_PORT_TAKEN` naming every port that another program has, with its setting. Checked
 * before anything starts, because the programs themselves name no setting, and livekit-server
 * goes on for seconds before it says so.
 */
export async function checkPorts(ports: StackPorts): Promise<void> {
  const taken = await takenPorts(ports);

  // A call takes any free one of the range, so a few that are taken do no harm.
  const rtp = await Promise.all(rtpListeners(ports).map(isFree));
  const { from, to } = ports.rtpPorts;

  const problems = taken.map(
    ({ setting, protocol, port }) => `- ${protocol} port ${port} is taken (${setting})`,
  );
  if (!rtp.includes(true)) {
    problems.push(`- no even UDP port from ${from} to ${to} is free (STACK_RTP_PORTS)`);
  }
  if (problems.length === 0) return;
  throw new CallwireError(
    'STACK_PORT_TAKEN',
    ['The local stack cannot start:', ...problems].join('\n'),
    {
      remedy:
        'If another npm run stack is running, use that one or end it; else give the setting in ' +
        'brackets another port, in .env or the environment.',
    },
  );
}

/** Those of the ports that a stack listens on, RTP aside, which are not free. */
export async function takenPorts(ports: StackPorts): Promise<Listener[]> {
  const wanted = listeners(ports);
  const free = await Promise.all(wanted.map(isFree));
  return wanted.filter((_, index) => !free[index]);
}

function listeners(ports: StackPorts): Listener[] {
  const { livekitPort, rtcTcpPort, rtcUdpPort, sipPort, redisPort } = ports;
  const loopback = '127.0.0.1';
  return [
    { setting: 'STACK_REDIS_PORT', protocol: 'TCP', port: redisPort, address: loopback },
    { setting: 'STACK_LIVEKIT_PORT', protocol: 'TCP', port: livekitPort, address: loopback },
    { setting: 'STACK_RTC_PORTS', protocol: 'TCP', port: rtcTcpPort, address: undefined },
    { setting: 'STACK_RTC_PORTS', protocol: 'UDP', port: rtcUdpPort, address: loopback },
    { setting: 'STACK_SIP_PORT', protocol: 'UDP', port: sipPort, address: loopback },
    { setting: 'STACK_SIP_PORT', protocol: 'TCP', port: sipPort, address: loopback },
  ];
}

function rtpListeners({ rtpPorts: { from, to } }: StackPorts): Listener[] {
  const listeners: Listener[] = [];
  for (let port = from + (from % 2); port <= to; port += 2) {
    listeners.push({ setting: 'STACK_RTP_PORTS', protocol: 'UDP', port, address: undefined });
  }
  return listeners;
}

function isFree({ protocol, port, address }: Listener): Promise<boolean> {
  return protocol === 'TCP' ? isTcpFree(port, address) : isUdpFree(port, address);
}

/** Whether this process could listen there now; every interface without `address`. */
export function isTcpFree(port: number, address: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, ...(address && { host: address }), exclusive: true }, () =>
      server.close(() => resolve(true)),
    );
  });
}

function isUdpFree(port: number, address = '0.0.0.0'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ port, address, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}
