import './node_version.ts';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { Command } from 'commander';
import { onInterrupt } from '../src/config/interrupt.ts';
import { commandSettings } from './command_settings.ts';
import { exitWithError } from './exit_with_error.ts';

/** `npm run agent dev|start`: the worker that answers the calls. */
const program = new Command('agent')
  .description('Answers phone calls: joins LiveKit as an agent worker and keeps the ledger.')
  .showHelpAfterError();

program
  .command('dev')
  .description('for development: readable logs, ends running calls at once on Ctrl-C')
  .action(() => run('dev'));
program
  .command('start')
  .description('for production: on SIGTERM running calls go on for DRAIN_SECONDS')
  .action(() => run('start'));
program.addHelpText(
  'after',
  '\nSettings are read from the environment and .env (docs/configuration.md).' +
    '\nWithout LiveKit, keys or a carrier: npm run demo',
);

async function run(mode: 'dev' | 'start'): Promise<void> {
  if (mode === 'dev') process.env.CALLWIRE_PRETTY ??= '1';
  const settings = commandSettings({ mode });
  // Compiled code is kept in DATA_DIR, which is nobody else's: a call process then loads in 0.65 s
  // of CPU instead of 1.0 s, time that on a busy machine is taken from running calls.
  process.env.NODE_COMPILE_CACHE ??= join(settings.dataDir, 'compile-cache');
  enableCompileCache(process.env.NODE_COMPILE_CACHE);
  const { startWorker } = await import('./worker.ts');
  const worker = await startWorker(settings);
  // Both say the same to a person at a terminal: stop; again: stop now.
  const stop = () => {
    worker.stop().then(
      () => process.exit(0),
      (error) => exitWithError(error),
    );
  };
  process.on('SIGTERM', stop);
  onInterrupt(stop);
  console.log('registered');
  await worker.failed;
}

program.parseAsync().catch(exitWithError);
