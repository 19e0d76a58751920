import { initializeLogger, voice } from '@livekit/agents';
import { CallModel } from '../realtime_model.ts';

/*
 * A call's process of its own for realtime_model_failures.test.ts: holds a session with the model at the URL
 * in argv[2] until agents-js closes it, then prints what the process went through.
 */

initializeLogger({ pretty: false, level: 'silent' });

const uncaught: string[] = [];
process.on('uncaughtException', (error) => uncaught.push(String(error)));
process.on('unhandledRejection', (error) => uncaught.push(String(error)));

const model = new CallModel({
  model: 'gpt-realtime',
  voice: 'marin',
  apiKey: 'sk-made-up',
  baseUrl: process.argv[2] ?? '',
  limits: { budgetMs: 200, firstRetryMs: 10 },
});
const session = new voice.AgentSession({
  llm: model,
  vad: null,
  turnHandling: { turnDetection: 'realtime_llm' },
  aecWarmupDuration: null,
});
const closed = new Promise<string>((resolve) => {
  session.on(voice.AgentSessionEventTypes.Close, ({ reason }) => resolve(String(reason)));
});
const connected = await model.connect(AbortSignal.timeout(10_000)).then(
  () => 'connected',
  (error: { code?: string }) => error.code,
);
await session.start({ agent: new voice.Agent({ instructions: '' }), record: false });
const reason = await closed;
// What is thrown behind the close counts as well.
await new Promise((resolve) => setTimeout(resolve, 100));
console.log(JSON.stringify({ connected, closed: reason, uncaught }));
process.exit(0);
