import './node_version.ts';
import { Command, InvalidArgumentError } from 'commander';
import { CallwireError } from '../src/errors.ts';
import type { SignatureFamily } from '../src/events/signatures.ts';
import { NPM_OPTIONS_HINT } from './admin_command.ts';
import { commandSettings } from './command_settings.ts';
import { exitWithError } from './exit_with_error.ts';
import { receiverUrl, usableSecret } from './receiver_options.ts';
import { type CheckResult, checkReceiver } from './receiver_report.ts';
import type { PostOutcome } from './signed_post.ts';

/*
 * npm run webhooks:check http://localhost:3000/callwire
 * npm run webhooks:check https://staging.example/callwire -- --signatures standard --json
 */

const FAMILIES = ['standard', 'timestamped', 'plain'] as const;

interface Options {
  secret?: string;
  signatures: SignatureFamily[];
  json?: true;
}

const program = new Command('webhooks:check')
  .description(
    'Sends a receiver good, forged, old, repeated, disordered and unusual requests, and says what it\n' +
      'made of each. The events are made up and say so: data.metadata.webhooks_check is true. Exits\n' +
      'with 0 only if the receiver got everything right.',
  )
  .argument('<url>', 'where the receiver listens, e.g. http://localhost:3000/callwire')
  .option('--secret <secret>', 'the one the receiver has (WEBHOOK_SECRET)')
  .option(
    '--signatures <families>',
    'with commas, as its deliveries are signed: those to WEBHOOK_URL in all three ways, those to an\n' +
      'endpoint of the API never plain',
    families,
    [...FAMILIES],
  )
  .option('--json', 'print the report for programs')
  .addHelpText('after', `${NPM_OPTIONS_HINT} npm run webhooks:check URL -- --json`)
  .showHelpAfterError()
  .action((text: string, options: Options) => check(receiverUrl(text), options));

async function check(url: URL, options: Options): Promise<void> {
  const secret = options.secret ?? commandSettings().webhookSecret;
  if (secret === undefined) {
    throw new CallwireError('SECRET_MISSING', 'The secret of the receiver is needed.', {
      remedy: 'Set WEBHOOK_SECRET, in the environment or in .env, or use --secret.',
    });
  }
  const report = await checkReceiver({
    url,
    secret: usableSecret(secret),
    families: options.signatures,
    ...(!options.json && { onResult: print }),
  });
  const wrong = report.results.filter(({ ok }) => !ok).length;
  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else process.stdout.write(`\n${summary(report.results.length, wrong)}\n`);
  if (!report.ok) process.exitCode = 1;
}

const EXPECTED: Readonly<Record<CheckResult['expected'], string>> = {
  accepted: '2xx',
  refused: '4xx',
  accepted_in_time: '2xx, or a refusal and then 2xx',
};

function print({ name, sent, expected, answers, ok, hint }: CheckResult): void {
  const line = `${ok ? '✓' : '✗'} ${name.padEnd(19)} ${sent.padEnd(54)} ${observed(answers)}`;
  process.stdout.write(`${line.trimEnd()}\n`);
  if (!ok) process.stdout.write(`    expected ${EXPECTED[expected]}\n`);
  if (hint !== null) process.stdout.write(`    ${hint}\n`);
}

function observed(answers: readonly PostOutcome[]): string {
  const what = answers.map(({ status, error }) => status ?? error).join(', ');
  return `${what} in ${answers.reduce((sum, { durationMs }) => sum + durationMs, 0)} ms`;
}

function summary(all: number, wrong: number): string {
  return wrong === 0 ? `all ${all} are right` : `${wrong} of ${all} are wrong`;
}

function families(text: string): SignatureFamily[] {
  const words = new Set(text.split(',').map((word) => word.trim()));
  const known = FAMILIES.filter((family) => words.has(family));
  if (known.length !== words.size) {
    throw new InvalidArgumentError(`Use some of ${FAMILIES.join(', ')}, with commas.`);
  }
  if (known.some((family) => family !== 'plain')) return known;
  throw new InvalidArgumentError('plain has no timestamp: use it beside another one.');
}

program.parseAsync().catch(exitWithError);
