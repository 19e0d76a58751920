import './node_version.ts';
import { Command, InvalidArgumentError } from 'commander';
import { API_SCOPES, newApiKey } from '../src/api/api_key.ts';
import { hasControlCharacters } from '../src/config/control_characters.ts';
import { CallwireError } from '../src/errors.ts';
import type { ApiScope } from '../src/store/endpoint_store.ts';
import { NPM_OPTIONS_HINT, printRows, say, withStore } from './admin_command.ts';
import { exitWithError } from './exit_with_error.ts';

/*
 * npm run keys create -- --name backend --scopes calls:read,webhooks
 * npm run keys list
 * npm run keys revoke key_…
 */

/** Enough for a backend; deleting people's data and taking in other platforms' calls is not in it. */
const DEFAULT_SCOPES: readonly ApiScope[] = ['calls:write', 'calls:read', 'webhooks'];

const program = new Command('keys')
  .description('The keys of the HTTP API. Works with and without a running worker.')
  .showHelpAfterError()
  .addHelpText('afterAll', `${NPM_OPTIONS_HINT} npm run keys create -- --scopes calls:read`);

program
  .command('create')
  .description('Make a key. It is printed once; only its hash is kept.')
  .option('--name <name>', 'for whom or what', name, 'unnamed')
  .option(
    '--scopes <scopes>',
    `with commas: ${API_SCOPES.join(', ')} (admin may do everything)`,
    scopes,
    DEFAULT_SCOPES,
  )
  .action(async (options: { name: string; scopes: readonly ApiScope[] }) => {
    const { key, record } = newApiKey(options);
    await withStore((store) => store.createApiKey(record));
    process.stdout.write(`${key}\n`);
    say(`${record.id} (${record.name}): ${record.scopes.join(', ')}. It is not shown again.`);
  });

program
  .command('list')
  .description('Show the keys, newest first; never the keys themselves.')
  .action(async () => {
    const keys = await withStore((store) => store.listApiKeys());
    if (keys.length === 0) say('no keys');
    printRows(
      keys.map(({ id, name, scopes, createdAt, revokedAt }) => [
        id,
        new Date(createdAt).toISOString(),
        revokedAt === null ? 'active' : 'revoked',
        name,
        scopes.join(','),
      ]),
    );
  });

program
  .command('revoke')
  .description('Make a key worthless, at once and for good.')
  .argument('<id>', 'key_…, from list')
  .action(async (id: string) => {
    if (await withStore((store) => store.revokeApiKey(id))) return say(`${id} is revoked`);
    throw new CallwireError('KEY_UNKNOWN', 'There is no such key, or it is revoked already.', {
      remedy: 'npm run keys list shows the ids (key_…); the key itself is none.',
    });
  });

function name(text: string): string {
  const line = text.trim();
  if (line !== '' && text.length <= 200 && !hasControlCharacters(line)) return line;
  throw new InvalidArgumentError('Use 1 to 200 characters, without control characters.');
}

function scopes(text: string): ApiScope[] {
  const words = [...new Set(text.split(',').map((word) => word.trim()))].filter(Boolean);
  const known = API_SCOPES.filter((scope) => words.includes(scope));
  if (known.length === words.length && known.length > 0) return known;
  throw new InvalidArgumentError(`Use some of ${API_SCOPES.join(', ')}, with commas.`);
}

program.parseAsync().catch(exitWithError);
