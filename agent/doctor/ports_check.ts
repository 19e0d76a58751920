import type { Settings } from '../../src/config/settings.ts';
import { livekitPlace } from '../../src/telephony/livekit_place.ts';
import { livekitAnswers, redisAnswers, sipAnswers } from '../../stack/health.ts';
import { isTcpFree, takenPorts } from '../../stack/ports.ts';
import type { Check, Observation } from './finding.ts';

/** The ports that this installation listens on are free, or held by itself. */
export function portsCheck(settings: Settings): Check {
  return {
    name: 'ports',
    look: async (signal) => [
      await apiPort(settings, signal),
      ...(await workerPort(settings, signal)),
      ...(await stackPorts(settings)),
    ],
  };
}

async function apiPort({ server }: Settings, signal: AbortSignal): Promise<Observation> {
  const { enabled, host, port } = server;
  if (!enabled) return { status: 'skipped', message: 'SERVER=off: no HTTP API' };
  const where = `${host}:${port}`;
  if (port === 0) return { status: 'ok', message: 'the HTTP API takes any free port' };
  if (await isTcpFree(port, host)) return { status: 'ok', message: `${where} is free (HTTP API)` };
  const health = await jsonOf(`http://${reachable(host)}:${port}/healthz`, signal);
  if (health?.status === 'ok') return { status: 'ok', message: `${where}: our HTTP API answers` };
  return {
    status: 'problem',
    message: `${where} is taken by another program, or is no address of this machine`,
    remedy: 'Set PORT (or HOST), or SERVER=off.',
  };
}

async function workerPort(settings: Settings, signal: AbortSignal): Promise<Observation[]> {
  const { workerPort: port, livekit } = settings;
  if (port === 0) return [];
  if (await isTcpFree(port, '127.0.0.1')) {
    return [{ status: 'ok', message: `${port} is free (worker)` }];
  }
  const worker = await jsonOf(`http://127.0.0.1:${port}/worker`, signal);
  if (worker?.agent_name === livekit.agentName) {
    return [{ status: 'ok', message: `${port}: our worker answers` }];
  }
  const remedy = 'Set WORKER_PORT to another, or to 0 for any free one.';
  return [{ status: 'problem', message: `${port} is taken by another program`, remedy }];
}

/** Of the local stack, where it is the LiveKit of this installation. */
async function stackPorts({ livekit, stack }: Settings): Promise<Observation[]> {
  if (livekitPlace(livekit.url, stack.livekitPort) !== 'local') return [];
  const healthy = await Promise.all([
    livekitAnswers(stack.livekitPort)(),
    redisAnswers(stack.redisPort)(),
    sipAnswers(stack.sipPort)(),
  ]);
  if (healthy.every(Boolean)) {
    return [{ status: 'ok', message: 'the local stack runs: redis, livekit-server, livekit-sip' }];
  }
  const taken = await takenPorts(stack);
  if (taken.length === 0) {
    return [{ status: 'ok', message: 'those of the local stack are free: npm run stack' }];
  }
  const ports = taken.map(({ protocol, port, setting }) => `${protocol} ${port} (${setting})`);
  return [
    {
      status: 'problem',
      message: `taken, and the local stack does not answer there: ${ports.join(', ')}`,
      remedy:
        'End what has them, or give the settings in brackets other ports; then npm run stack.',
    },
  ];
}

/** An address that one listens on is not always one that can be called. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

async function jsonOf(url: string, signal: AbortSignal): Promise<Record<string, unknown> | null> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(2_000)]);
    const answer: unknown = await (await fetch(url, { signal: limit, redirect: 'manual' })).json();
    return typeof answer === 'object' ? (answer as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}
