import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';

// Before anything makes a logger: the ledger's client logs in the bench's own process, too.
process.env.LOG_LEVEL ??= 'error';
const { answering } = await import('./answering.ts');
const { callsApi } = await import('./calls/calls_api.ts');
const { dialling } = await import('./calls/dialling.ts');
const { backlog } = await import('./delivery/backlog.ts');
const { isolation } = await import('./delivery/isolation.ts');
const { load } = await import('./delivery/load.ts');
const { throughput } = await import('./delivery/throughput.ts');
const { eventDelivery } = await import('./event_delivery.ts');
const { hooks } = await import('./hooks.ts');
const { ingest } = await import('./ingest/ingest.ts');
const { ledgerLoad } = await import('./ledger_load.ts');
const { Lab } = await import('./lab.ts');
const { describeMachine, installedVersions } = await import('./machine.ts');
const { table } = await import('./report.ts');
const { memory } = await import('./memory.ts');
const { resultSchema, verdict } = await import('./result.ts');
const { toolResults } = await import('./tool_results.ts');
const { turnWithTool } = await import('./turn_with_tool.ts');

const WITHOUT_STACK = [ledgerLoad, throughput, load, isolation, backlog, ingest, callsApi];
/** The one that breaks the CRM last. */
const ON_THE_STACK = [memory, answering, hooks, dialling, turnWithTool, eventDelivery, toolResults];
/** Those without a stack first, on a machine that is still quiet. */
const MEASUREMENTS = [...WITHOUT_STACK, ...ON_THE_STACK];

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url));

/** `npm run bench`: measures, prints a table, writes JSON. bench/README.md says how and what. */
const program = new Command('bench')
  .description('Measures Callwire against a bare agents-js agent and a bare undici loop.')
  .option('--pairs <n>', 'paired samples of each comparison', positive, 40)
  .addOption(
    new Option('--only <name...>', 'only these measurements').choices(
      MEASUREMENTS.map(({ name }) => name),
    ),
  )
  .option('--quick', 'the smallest numbers: shows that it runs, measures nothing', false)
  .option('--save [host]', 'keep the result as bench/results/<date>-<host>.json')
  .option('--out <file>', 'write the result to this file')
  .option('--strict', 'exit with 1 when a target is missed', false)
  .addHelpText(
    'after',
    `\nMeasurements:\n${MEASUREMENTS.map(({ name, about }) => `  ${name.padEnd(10)} ${about}`).join('\n')}`,
  )
  .showHelpAfterError();

interface Options {
  pairs: number;
  only?: string[];
  quick: boolean;
  save?: string | true;
  out?: string;
  strict: boolean;
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('not a number ≥ 1');
  return number;
}

function log(line: string): void {
  console.error(line);
}

async function bench({ pairs, only, quick, save, out, strict }: Options): Promise<void> {
  const startedAt = new Date();
  const machine = describeMachine();
  const lab = new Lab(log);
  const stop = (code: number) => void lab.stop().finally(() => process.exit(code));
  process.once('SIGINT', () => stop(130));
  process.once('SIGTERM', () => stop(143));
  process.once('uncaughtException', (error) => {
    log(`the bench broke: ${error.stack}`);
    stop(1);
  });
  const wanted = MEASUREMENTS.filter(({ name }) => !only || only.includes(name));
  const lines = [];
  let broken = false;
  try {
    if (quick && wanted.some((one) => ON_THE_STACK.includes(one))) {
      // No number counts, so nothing has to be quiet: whoever needs it is told what became of it.
      lab.bare().catch(() => undefined);
    }
    for (const measurement of wanted) {
      try {
        const measured = await measurement.run({ pairs, quick, lab, log });
        lines.push(...measured.map((line) => ({ measurement: measurement.name, ...line })));
      } catch (error) {
        broken = true;
        log(`${measurement.name} could not be measured: ${(error as Error).stack ?? error}`);
      }
    }
  } finally {
    await lab.stop();
  }
  const result = resultSchema.parse({
    date: startedAt.toISOString(),
    durationInSeconds: Math.round((Date.now() - startedAt.getTime()) / 1_000),
    options: { pairs, quick },
    machine,
    versions: await installedVersions(),
    lines,
  });
  const file = out ?? join(RESULTS, fileName(startedAt, save));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(result, roundedNumbers, 2)}\n`);
  console.log(table(result));
  console.log(`\n${file}`);
  const verdicts = lines.map(verdict);
  if (broken || verdicts.includes('not measured')) process.exitCode = 1;
  if (strict && verdicts.includes('FAIL')) process.exitCode = 1;
}

/** `local-…` is not committed. */
function fileName(date: Date, save: string | true | undefined): string {
  const name = `${date.toISOString().slice(0, 10)}-${typeof save === 'string' ? save : hostname()}`;
  return `${save === undefined ? 'local-' : ''}${name}.json`;
}

/** Microseconds are noise here. */
function roundedNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value;
}

program.action(bench);
await program.parseAsync();
// Whatever a broken call left open must not hold the process.
process.exit();
