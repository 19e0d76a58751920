import './node_version.ts';
import { Command } from 'commander';
import type { Settings } from '../src/config/settings.ts';
import { NPM_OPTIONS_HINT } from './admin_command.ts';
import { commandSettings } from './command_settings.ts';
import { checksOf } from './doctor/checks.ts';
import { examine, type Finding, problemOf } from './doctor/finding.ts';
import { hasProblem, Progress, table, verdict } from './doctor/report.ts';
import { exitWithError } from './exit_with_error.ts';

/*
 * npm run doctor
 * npm run -s doctor -- --json
 */
const program = new Command('doctor')
  .description(
    'Looks at everything that calls depend on, and says how to mend what is wrong: settings,\n' +
      'agents, LiveKit, trunks, model key, CRM, webhook, hooks, data folder, recordings, ports. The\n' +
      'webhook’s endpoint gets one signed webhook.test, which is in no ledger, each hook an unsigned\n' +
      'HEAD, a bucket for recordings one small object, which is deleted. Exit code 1 where there is a problem.',
  )
  .option('--json', 'print {ok, findings: [{check, status, message, remedy?}]}')
  .addHelpText('after', `${NPM_OPTIONS_HINT} npm run -s doctor -- --json`)
  .showHelpAfterError()
  .action((options: { json?: boolean }) => run(options));

async function run({ json = false }): Promise<void> {
  const findings = await lookAtAll();
  const ok = !hasProblem(findings);
  if (json) console.log(JSON.stringify({ ok, findings }, null, 2));
  else console.log(`\n${table(findings)}\n\n${verdict(findings)}`);
  process.exitCode = ok ? 0 : 1;
}

async function lookAtAll(): Promise<Finding[]> {
  let settings: Settings;
  try {
    settings = commandSettings();
  } catch (error) {
    return [{ check: 'settings', ...problemOf(error) }];
  }
  const checks = checksOf(settings);
  const progress = new Progress(checks.map(({ name }) => name));
  const findings = await examine(checks, (name) => progress.done(name));
  return [{ check: 'settings', status: 'ok', message: 'can be read' }, ...findings];
}

program.parseAsync().catch(exitWithError);
