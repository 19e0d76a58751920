import { fileURLToPath } from 'node:url';
import { AgentServer, InferenceRunner, initializeLogger, ServerOptions } from '@livekit/agents';

/** The worker of the bare agent: the same switches as `agent/worker.ts`, and nothing else. */
const SLOTS = Number(process.env.MAX_CALLS);

InferenceRunner.registerRunner = () => undefined;
initializeLogger({ pretty: false, level: 'warn' });
const server: AgentServer = new AgentServer(
  new ServerOptions({
    agent: fileURLToPath(new URL('./bare_agent.ts', import.meta.url)),
    agentName: process.env.LIVEKIT_AGENT_NAME ?? '',
    production: false,
    host: '127.0.0.1',
    port: 0,
    loadFunc: () => Promise.resolve(Math.min(server.activeJobs.length / SLOTS, 0.95)),
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
