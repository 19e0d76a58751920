import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { CallwireError } from '../src/errors.ts';
import { checkPorts, freePorts, type StackPorts } from './ports.ts';

const holders: (Server | Socket)[] = [];
afterEach(() => {
  for (const holder of holders.splice(0)) holder.close();
});

async function holdTcp(port: number, host: string): Promise<void> {
  const server = createServer().listen(port, host);
  holders.push(server);
  await once(server, 'listening');
}

async function holdUdp(port: number): Promise<void> {
  const socket = createSocket('udp4');
  holders.push(socket);
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
}

async function problems(ports: StackPorts): Promise<string[]> {
  const error = (await checkPorts(ports).then(
    () => undefined,
    (refused) => refused,
  )) as CallwireError | undefined;
  if (error) expect(error.code).toBe('STACK_PORT_TAKEN');
  return error?.message.split('\n').slice(1) ?? [];
}

describe('free ports', () => {
  it('are free, all different, and have two RTP ports for each call', async () => {
    const { rtpPorts, ...single } = await freePorts({ calls: 3 });
    expect(new Set(Object.values(single)).size).toBe(5);
    expect(rtpPorts.to - rtpPorts.from + 1).toBe(6);
    expect(rtpPorts.from % 2).toBe(0);
    expect(await problems({ rtpPorts, ...single })).toEqual([]);
  });
});

describe('the check of ports', () => {
  it('names every taken port with its protocol and setting', async () => {
    const ports = await freePorts({ calls: 2 });
    await holdTcp(ports.redisPort, '127.0.0.1');
    await holdUdp(ports.sipPort);
    await holdUdp(ports.rtcUdpPort);
    expect(await problems(ports)).toEqual([
      `- TCP port ${ports.redisPort} is taken (STACK_REDIS_PORT)`,
      `- UDP port ${ports.rtcUdpPort} is taken (STACK_RTC_PORTS)`,
      `- UDP port ${ports.sipPort} is taken (STACK_SIP_PORT)`,
    ]);
  });

  it('sees a program that listens on every interface', async () => {
    const ports = await freePorts({ calls: 2 });
    await holdTcp(ports.livekitPort, '0.0.0.0');
    expect(await problems(ports)).toHaveLength(1);
  });

  it('sees a program on any interface where livekit-server listens on all', async () => {
    const ports = await freePorts({ calls: 2 });
    await holdTcp(ports.rtcTcpPort, '127.0.0.1');
    expect(await problems(ports)).toHaveLength(1);
  });

  it('minds the RTP range only when nothing of it is left', async () => {
    const ports = await freePorts({ calls: 2 });
    const { from, to } = ports.rtpPorts;
    await holdUdp(from);
    expect(await problems(ports)).toEqual([]);
    await holdUdp(from + 2);
    expect(await problems(ports)).toEqual([
      `- no even UDP port from ${from} to ${to} is free (STACK_RTP_PORTS)`,
    ]);
  });
});
