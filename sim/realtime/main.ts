import { Command, InvalidArgumentError, Option } from 'commander';
import { isCallwireError } from '../../src/errors.ts';
import { espeakVoice } from './espeak_voice.ts';
import { type Fault, parseFault } from './faults.ts';
import { loadScenario } from './scenario.ts';
import { RealtimeServer } from './server.ts';
import type { SessionLog } from './session_log.ts';

/*
 * node sim/realtime/main.ts --scenario sim/realtime/scenarios/demo.yaml --port 9100
 *
 * Then: OPENAI_BASE_URL=http://127.0.0.1:9100/v1 OPENAI_API_KEY=anything npm run agent dev
 */

interface Arguments {
  scenario: string;
  port: number;
  host: string;
  apiKey?: string;
  voice: 'tones' | 'espeak';
  speed: number;
  fault?: Fault;
  quiet?: boolean;
}

const program = new Command('realtime')
  .description('A stand-in for OpenAI’s Realtime API that says what a scenario tells it.')
  .requiredOption('--scenario <file.yaml>', 'what the model does; see sim/realtime/README.md')
  .addOption(
    new Option('--port <port>', 'where to listen; 0 = any free').default(9100).argParser(number),
  )
  .option('--host <address>', 'on which address', '127.0.0.1')
  .option('--api-key <key>', 'the only OPENAI_API_KEY that is let in')
  .addOption(
    new Option('--voice <voice>', 'how it sounds; espeak needs espeak-ng')
      .choices(['tones', 'espeak'])
      .default('tones'),
  )
  .addOption(
    new Option('--speed <factor>', 'audio is sent this much faster than it plays')
      .default(4)
      .argParser(factor),
  )
  .addOption(
    new Option(
      '--fault <fault>',
      'something that goes wrong, e.g. stall or "{kind: drop, after: response.created}"',
    ).argParser(fault),
  )
  .option('--quiet', 'do not print what is heard and said');

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value) || value < 0) {
    throw new InvalidArgumentError('must be a number, 0 or more');
  }
  return value;
}

function factor(text: string): number {
  const value = number(text);
  if (value === 0) throw new InvalidArgumentError('must be more than 0');
  return value;
}

function fault(text: string): Fault {
  try {
    return parseFault(text);
  } catch (error) {
    throw new InvalidArgumentError(isCallwireError(error) ? (error.remedy ?? '') : String(error));
  }
}

/** The conversation as it happens. Made-up words of a scenario: no personal data. */
function narrate(log: SessionLog, signal: AbortSignal): void {
  const seen = { turns: 0, calls: 0, results: 0, responses: 0, ended: false };
  const say = (line: string) => process.stdout.write(`${line}\n`);
  say(`session ${log.id} opened`);
  const look = () => {
    for (const { transcript } of log.callerTurns.slice(seen.turns)) say(`caller  ${transcript}`);
    for (const { tool, arguments: args } of log.toolCalls.slice(seen.calls)) {
      say(`tool    ${tool} ${JSON.stringify(args)}`);
    }
    for (const { output } of log.toolResults.slice(seen.results)) say(`result  ${output}`);
    seen.turns = log.callerTurns.length;
    seen.calls = log.toolCalls.length;
    seen.results = log.toolResults.length;
    while (log.responses[seen.responses]?.endedAt) {
      const { text, status } = log.responses[seen.responses++]!;
      if (text) say(`model   ${text}${status === 'completed' ? '' : ` [${status}]`}`);
    }
    if (log.closedAt) say(`session ${log.id} closed`);
    return log.closedAt !== undefined;
  };
  log.waitFor(look, signal).catch(() => {});
}

function tellFallback({ message }: Error): void {
  process.stderr.write(`espeak-ng does not work, tones take its place: ${message}\n`);
}

async function serve(options: Arguments): Promise<void> {
  const server = await RealtimeServer.start({
    port: options.port,
    host: options.host,
    scenario: await loadScenario(options.scenario),
    voice: options.voice === 'tones' ? 'tones' : espeakVoice({ onFallback: tellFallback }),
    speed: options.speed,
    ...(options.apiKey !== undefined && { apiKey: options.apiKey }),
  });
  if (options.fault) await server.setFault(options.fault);
  process.stdout.write(`listening on ${server.url}\n`);

  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const stopped = new Promise((resolve) => {
    stopping.signal.addEventListener('abort', resolve, { once: true });
  });
  for (let n = 0; !stopping.signal.aborted && !options.quiet; n++) {
    const log = await server.waitForSession(stopping.signal, n).catch(() => undefined);
    if (log) narrate(log, stopping.signal);
  }
  await stopped;
  await server.stop();
}

await serve(program.parse().opts<Arguments>()).catch((error: unknown) => {
  const { message } = error as Error;
  process.stderr.write(`${message}\n`);
  if (isCallwireError(error) && error.remedy) process.stderr.write(`${error.remedy}\n`);
  process.exitCode = 1;
});
