import './node_version.ts';
import { Command, InvalidArgumentError } from 'commander';
import type { CountryCode } from 'libphonenumber-js/min';
import { toE164 } from '../src/config/phone_number.ts';
import { CallwireError } from '../src/errors.ts';
import { importSuppressionsCsv } from '../src/gate/suppressions_csv.ts';
import { newId } from '../src/ids.ts';
import type { SuppressionRecord } from '../src/store/suppression_store.ts';
import { NPM_OPTIONS_HINT, printRows, say, withStore } from './admin_command.ts';
import { count, country, runCsvImport } from './csv_import.ts';
import { exitWithError } from './exit_with_error.ts';

/*
 * npm run suppressions import do-not-call.csv -- --country US
 * npm run suppressions add +15550100001 -- --reason "asked us to stop"
 * npm run suppressions list
 * npm run suppressions remove +15550100001
 */

const program = new Command('suppressions')
  .description('The numbers that are never called. Works with and without a running worker.')
  .showHelpAfterError()
  .addHelpText('afterAll', `${NPM_OPTIONS_HINT} npm run suppressions import f.csv -- --country US`);

program
  .command('import')
  .description('Put the numbers of a file on the list; those that are on it stay as they are.')
  .argument('<file.csv>', 'with a column "phone", perhaps one "reason"; or a bare list of numbers')
  .option('--country <code>', 'of numbers without a country code (US, DE, …)', country)
  .option('--reason <text>', 'of numbers that the file gives none for', reason)
  .action((file: string, options: { country?: CountryCode; reason?: string }) =>
    runCsvImport({
      file,
      noun: 'numbers',
      run: (given) =>
        withStore(async (store) => {
          const { created, known, bad } = await importSuppressionsCsv({
            ...given,
            store,
            country: options.country,
            reason: options.reason ?? null,
          });
          return { bad, told: `${created} added, ${known} were on the list, ${bad} bad` };
        }),
    }),
  );

program
  .command('add')
  .description('Put a number on the list.')
  .argument('<phone>', 'with its country code: +15550100001', phone)
  .option('--reason <text>', 'why', reason)
  .action(async (phone: string, options: { reason?: string }) => {
    const now = Date.now();
    const { created, suppression } = await withStore((store) =>
      store.addSuppression({
        id: newId('sup', now),
        phone,
        source: 'import',
        reason: options.reason ?? null,
        callId: null,
        createdAt: now,
      }),
    );
    printRows([shown(suppression)]);
    say(created ? 'added' : 'was on the list already');
  });

program
  .command('list')
  .description('Show the list, newest first.')
  .option('--limit <count>', 'at most so many', count, 50)
  .action(async ({ limit }: { limit: number }) => {
    const list = await withStore((store) => store.listSuppressions({ limit: limit + 1 }));
    if (list.length === 0) say('no numbers');
    printRows(list.slice(0, limit).map(shown));
    if (list.length > limit) say(`more than ${limit}: --limit shows up to 1000`);
  });

program
  .command('remove')
  .description('Take a number off the list: it may be called again.')
  .argument('<phone or id>', '+15550100001 or sup_…')
  .action(async (text: string) => {
    const idOrPhone = text.startsWith('sup_') ? text : phone(text);
    if (await withStore((store) => store.deleteSuppression(idOrPhone))) return say('removed');
    throw new CallwireError('SUPPRESSION_UNKNOWN', 'This number is not on the list.', {
      remedy: 'npm run suppressions list shows what is.',
    });
  });

function shown(one: SuppressionRecord): string[] {
  const { phone, createdAt, source, reason, id } = one;
  return [phone, new Date(createdAt).toISOString(), source, reason ?? '-', id];
}

function phone(text: string): string {
  const number = toE164(text);
  if (number !== null) return number;
  throw new InvalidArgumentError('Write a phone number with its country code: +15550100001.');
}

function reason(text: string): string {
  if (text.trim() !== '' && text.length <= 1_000) return text.trim();
  throw new InvalidArgumentError('Use 1 to 1000 characters.');
}

program.parseAsync().catch(exitWithError);
