import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import type { LivekitKeys } from '../src/config/livekit_keys.ts';
import type { StackPorts } from './ports.ts';

const LIVEKIT_YAML = new URL('../livekit.yaml', import.meta.url);
const LOOPBACK = '127.0.0.1';

export interface StackConfigOptions {
  ports: StackPorts;
  keys: LivekitKeys;
  /** Where livekit-server reports what happens in rooms, signed with `keys`. */
  webhookUrl?: string | undefined;
}

/** The text of each program's configuration. Those of LiveKit hold the keys. */
export interface StackConfigs {
  redis: string;
  livekitServer: string;
  livekitSip: string;
}

export function stackConfigs(options: StackConfigOptions): StackConfigs {
  return {
    redis: redisConfig(options.ports),
    livekitServer: livekitServerConfig(options),
    livekitSip: livekitSipConfig(options),
  };
}

/**
 * Every write is appended to a file, so that trunks and rules survive the stack, however it ends; the
 * system has them as soon as LiveKit has its answer, and the disk within a second. The folder is given
 * on the command line. What must not survive is deleted at the start (`redis_leftovers.ts`).
 */
function redisConfig({ redisPort }: StackPorts): string {
  return [
    `bind ${LOOPBACK}`,
    `port ${redisPort}`,
    'protected-mode yes',
    'daemonize no',
    'save ""',
    'appendonly yes',
    'appendfsync everysec',
    // livekit-server writes its own state every few seconds; the default is 64mb.
    'auto-aof-rewrite-min-size 1mb',
    '',
  ].join('\n');
}

/** livekit.yaml of the project with the ports, keys and webhook of this stack. */
function livekitServerConfig({ ports, keys, webhookUrl }: StackConfigOptions): string {
  const base = parse(readFileSync(LIVEKIT_YAML, 'utf8')) as {
    rtc: Record<string, unknown>;
    redis: Record<string, unknown>;
  };
  return stringify({
    ...base,
    port: ports.livekitPort,
    rtc: { ...base.rtc, tcp_port: ports.rtcTcpPort, udp_port: ports.rtcUdpPort },
    redis: { ...base.redis, address: `${LOOPBACK}:${ports.redisPort}` },
    keys: { [keys.apiKey]: keys.apiSecret },
    ...(webhookUrl && { webhook: { api_key: keys.apiKey, urls: [webhookUrl] } }),
  });
}

function livekitSipConfig({ ports, keys }: StackConfigOptions): string {
  return stringify({
    api_key: keys.apiKey,
    api_secret: keys.apiSecret,
    ws_url: `ws://${LOOPBACK}:${ports.livekitPort}`,
    redis: { address: `${LOOPBACK}:${ports.redisPort}` },
    sip_port: ports.sipPort,
    rtp_port: `${ports.rtpPorts.from}-${ports.rtpPorts.to}`,
    listen_ip: LOOPBACK,
    // livekit-sip finds no address of its own on loopback ("no local interface found"), so it is
    // told which one to announce.
    use_external_ip: false,
    nat_1_to_1_ip: LOOPBACK,
    media_nat_1_to_1_ip: LOOPBACK,
    // 1 turns the check off. It refuses outbound calls only ("cpu exhausted", even for the second
    // after some other program was busy); a machine for development is always busy with something.
    max_cpu_utilization: 1,
    // A closed call keeps its port until nothing has come for this long (default 30s), which
    // would let a range of 200 ports carry only a few calls a second.
    rtp_draining_idle_timeout: '2s',
    logging: { level: 'info', json: true },
  });
}
