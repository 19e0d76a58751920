import '../../agent/node_version.ts';
import { constants } from 'node:os';
import { Command } from 'commander';
import { onInterrupt } from '../../src/config/interrupt.ts';
import { isCallwireError } from '../../src/errors.ts';
import { runDemo } from './demo.ts';
import { Terminal } from './terminal.ts';

/** `npm run demo`: a call through a whole Callwire on this machine, without keys or a carrier. */
const program = new Command('demo')
  .description(
    'Places a phone call to a Callwire of its own and shows what happens: LiveKit with telephony,\n' +
      'the worker, and stand-ins for the phone, the CRM backend and the model. It takes about 40 s;\n' +
      'the first start builds the LiveKit programs, which takes minutes.',
  )
  .option('--keep', 'stay up after the call, whatever came of it, so that you can call in')
  .showHelpAfterError()
  .addHelpText(
    'after',
    '\nWith npm, options stand behind --: npm run demo -- --keep' +
      '\nWith OPENAI_API_KEY (in the environment or .env) the real model speaks, at its price.' +
      '\nThe recording and the log of the worker are kept in .callwire/demo.' +
      '\nExit code 0: every check that is shown behind the call has a ✓: the caller was known before the' +
      '\nanswer, the ledger has no gap, every event arrived, verified, the stand-in for the model called' +
      '\nits tools, and the call was completed. With --keep it ends with that on Ctrl-C.',
  )
  .action(run);

async function run({ keep = false }: { keep?: boolean }): Promise<void> {
  const terminal = new Terminal();
  const stop = new AbortController();
  let interruption: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals) => {
    // The second time nothing is waited for; what is left dies with this process.
    if (interruption) process.exit(exitCode(signal));
    interruption = signal;
    stop.abort(new Error(`stopped by ${signal}`));
  };
  onInterrupt(() => interrupt('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  // Whoever reads has gone (`| head`): there is nobody to show anything to.
  process.stdout.on('error', () => stop.abort(new Error('nobody reads the output')));

  try {
    const ok = await runDemo({ terminal, keep, signal: stop.signal });
    process.exit(ok ? 0 : 1);
  } catch (error) {
    if (interruption) process.exit(exitCode(interruption));
    console.error(`\nThe demo has failed: ${described(error)}`);
    process.exit(1);
  }
}

/** As a shell has it for a process that a signal ended. */
function exitCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

function described(error: unknown): string {
  if (!isCallwireError(error)) return error instanceof Error ? error.message : String(error);
  return [error.message, `  ${error.code}`, ...(error.remedy ? [`  ${error.remedy}`] : [])].join(
    '\n',
  );
}

await program.parseAsync();
