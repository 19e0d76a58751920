import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { stackConfigs } from './configs.ts';
import type { StackPorts } from './ports.ts';

const ports: StackPorts = {
  livekitPort: 1001,
  rtcTcpPort: 1002,
  rtcUdpPort: 1003,
  sipPort: 1004,
  redisPort: 1005,
  rtpPorts: { from: 1006, to: 1009 },
};
const keys = { apiKey: 'APItest', apiSecret: 'a-made-up-secret-for-the-configurations' };

describe('the configurations of the stack', () => {
  it('are livekit.yaml with the ports and keys of this stack', () => {
    const base = parse(readFileSync('livekit.yaml', 'utf8'));
    const config = parse(stackConfigs({ ports, keys }).livekitServer);
    expect(config).toEqual({
      ...base,
      port: 1001,
      rtc: { ...base.rtc, tcp_port: 1002, udp_port: 1003 },
      redis: { address: '127.0.0.1:1005' },
      keys: { APItest: keys.apiSecret },
    });
  });

  it('send webhooks, signed with the same key, where they are wanted', () => {
    const webhookUrl = 'http://127.0.0.1:1/livekit';
    const config = parse(stackConfigs({ ports, keys, webhookUrl }).livekitServer);
    expect(config.webhook).toEqual({ api_key: 'APItest', urls: [webhookUrl] });
  });

  it('bring livekit-sip to that server and redis, on loopback', () => {
    expect(parse(stackConfigs({ ports, keys }).livekitSip)).toMatchObject({
      api_key: keys.apiKey,
      api_secret: keys.apiSecret,
      ws_url: 'ws://127.0.0.1:1001',
      redis: { address: '127.0.0.1:1005' },
      sip_port: 1004,
      rtp_port: '1006-1009',
      listen_ip: '127.0.0.1',
    });
  });

  it('keep redis on loopback, and what it holds on the disk', () => {
    const lines = stackConfigs({ ports, keys }).redis.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining(['bind 127.0.0.1', 'port 1005', 'appendonly yes']),
    );
  });

  it('leave the keys out of the file in the repository', () => {
    expect(parse(readFileSync('livekit.yaml', 'utf8'))).not.toHaveProperty('keys');
  });
});
