import { fileURLToPath } from 'node:url';
import { AgentServer, InferenceRunner, initializeLogger, ServerOptions } from '@livekit/agents';

/** The worker of the bare agent: the same switches as `agent/worker.ts`, and nothing else. */
const { LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, LIVEKIT_AGENT_NAME, MAX_CALLS } =
  process.env as Record<string, string>;

InferenceRunner.registerRunner = () => undefined;
initializeLogger({ pretty: false, level: 'warn' });
const server: AgentServer = new AgentServer(
  new ServerOptions({
    agent: fileURLToPath(new URL('./bare_agent.ts', import.meta.url)),
    agentName: LIVEKIT_AGENT_NAME ?? '',
    wsURL: LIVEKIT_URL ?? '',
    apiKey: LIVEKIT_API_KEY ?? '',
    apiSecret: LIVEKIT_API_SECRET ?? '',
    production: false,
    host: '127.0.0.1',
    port: 0,
    loadFunc: () => Promise.resolve(Math.min(server.activeJobs.length / Number(MAX_CALLS), 0.95)),
    loadThreshold: 0.99,
    numIdleProcesses: 1,
    initializeProcessTimeout: 60_000,
    logLevel: 'warn',
  }),
);
server.event.once('worker_registered', () => console.log('registered'));

let stopping = false;
process.on('SIGTERM', () => {
  if (stopping) process.exit(0);
  stopping = true;
  server.close().finally(() => process.exit(0));
});
await server.run();
