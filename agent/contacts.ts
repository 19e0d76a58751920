import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { type CountryCode, isSupportedCountry } from 'libphonenumber-js/min';
import { loadSettings } from '../src/config/settings.ts';
import { importContactsCsv } from '../src/crm/contacts_csv.ts';
import { isCallwireError } from '../src/errors.ts';
import { openAdminStore } from '../src/ledger/admin_store.ts';
import type { Store } from '../src/store/store.ts';

/*
 * npm run contacts import file.csv -- --country US
 * npm run contacts list -- --search quinn
 */

/** Without a terminal to draw on, a line of progress per so many contacts. */
const PROGRESS_STEP = 10_000;

const program = new Command('contacts')
  .description('The contacts of the built-in CRM. Works with and without a running worker.')
  .showHelpAfterError()
  .addHelpText(
    'afterAll',
    '\nWith npm, options stand behind --: npm run contacts import f.csv -- --country US',
  );

program
  .command('import')
  .description('Add contacts from a CSV file, or update those with the same phone number.')
  .argument('<file.csv>', 'first line: column names; one is "phone"')
  .option('--country <code>', 'of numbers without a country code (US, DE, …)', country)
  .action((path: string, options: { country?: CountryCode }) =>
    report(() => importFile(path, options.country)),
  );

program
  .command('list')
  .description('Show contacts.')
  .option('--search <text>', 'part of a name, an e-mail address or a phone number')
  .option('--limit <count>', 'at most so many', count, 50)
  .action((options: { search?: string; limit: number }) =>
    report(() => withStore((store) => list(store, options))),
  );

await program.parseAsync();

async function importFile(path: string, country: CountryCode | undefined): Promise<void> {
  const interrupted = new AbortController();
  // Once: a second Ctrl-C ends the process as usual.
  process.once('SIGINT', () => interrupted.abort());
  let stored = 0;
  try {
    const { created, updated, bad } = await withStore((store) =>
      importContactsCsv({
        // npm runs scripts in the project's folder and says here where it was called.
        path: resolve(process.env.INIT_CWD ?? '.', path),
        store,
        country,
        signal: interrupted.signal,
        onBadRow: ({ line, reason }) => say(`line ${line} ${reason}`),
        onProgress: (rows) => {
          showProgress(rows, stored);
          stored = rows;
        },
      }),
    );
    say(`${created} created, ${updated} updated, ${bad} bad`);
    if (bad > 0) process.exitCode = 1;
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    say(`stopped after ${stored} contacts; importing the file again does no harm`);
    process.exitCode = 130;
  }
}

async function list(
  store: Store,
  { search, limit }: { search?: string; limit: number },
): Promise<void> {
  const found = await store.findContacts({ limit, ...(search && { text: search }) });
  const lines = found.map(({ phone, name, email, id }) =>
    [phone, name ?? '-', email ?? '-', id].map(printable).join('\t'),
  );
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
  else say('no contacts');
}

async function withStore<T>(use: (store: Store) => Promise<T>): Promise<T> {
  const { dataDir, crm } = loadSettings();
  if (crm.adapter !== 'builtin') {
    say(`note: calls look contacts up in CRM_ADAPTER=${crm.adapter}, not in these`);
  }
  const store = await openAdminStore(dataDir);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** Runs a command; an error becomes its message and remedy, without a stack. */
async function report(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    say(`error: ${error instanceof Error ? error.message : String(error)}`);
    if (isCallwireError(error) && error.remedy !== undefined) say(error.remedy);
    process.exitCode = 1;
  }
}

/** To stderr, so that `list` can be piped. */
function say(line: string): void {
  const clear = process.stderr.isTTY ? '\r\u001b[K' : '';
  process.stderr.write(`${clear}${line}\n`);
}

function showProgress(rows: number, before: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${rows} contacts …`);
  else if (Math.floor(rows / PROGRESS_STEP) > Math.floor(before / PROGRESS_STEP)) {
    say(`${rows} contacts …`);
  }
}

/** A name may hold what steers a terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, ' ');
}

function country(code: string): CountryCode {
  const upper = code.toUpperCase();
  if (isSupportedCountry(upper)) return upper;
  throw new InvalidArgumentError('Use the two letters of a country: US, DE, GB, …');
}

function count(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0 && number <= 1_000) return number;
  throw new InvalidArgumentError('Use a whole number from 1 to 1000.');
}
