import { Command } from 'commander';
import type { CountryCode } from 'libphonenumber-js/min';
import { importContactsCsv } from '../src/crm/contacts_csv.ts';
import { isCallwireError } from '../src/errors.ts';
import { openAdminStore } from '../src/ledger/admin_store.ts';
import type { Store } from '../src/store/store.ts';
import { commandSettings } from './command_settings.ts';
import { count, country, runCsvImport } from './csv_import.ts';

/*
 * npm run contacts import file.csv -- --country US
 * npm run contacts list -- --search quinn
 */

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

async function importFile(file: string, country: CountryCode | undefined): Promise<void> {
  await runCsvImport({
    file,
    noun: 'contacts',
    run: (given) =>
      withStore(async (store) => {
        const { created, updated, bad } = await importContactsCsv({ ...given, store, country });
        return { bad, told: `${created} created, ${updated} updated, ${bad} bad` };
      }),
  });
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
  const { dataDir, crm } = commandSettings();
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
  process.stderr.write(`${line}\n`);
}

/** A name may hold what steers a terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, ' ');
}
