import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { CrmBackend } from './crm_backend.ts';

/*
 * node sim/crm/main.ts --port 9000 --secret made-up-secret
 *
 * Then: CRM_URL=http://127.0.0.1:9000 WEBHOOK_SECRET=made-up-secret npm run agent dev
 */

const contactsFile = z.array(
  z.looseObject({ id: z.string(), name: z.string().nullable(), phone: z.string().nullable() }),
);

const { port, host, apiKey, secret, contacts } = new Command('crm')
  .description('A stand-in for your backend: a CRM with an HTTP API, and a receiver of webhooks.')
  .addOption(new Option('--port <port>', 'where to listen').default(9000).argParser(Number))
  .option('--host <address>', 'on which address', '127.0.0.1')
  .option('--api-key <key>', 'what CRM_API_KEY must say')
  .option('--secret <secret>', 'what WEBHOOK_SECRET must say')
  .option('--contacts <file.json>', 'a JSON list of {id, name, phone, …}')
  .parse()
  .opts<{ port: number; host: string; apiKey?: string; secret?: string; contacts?: string }>();

const backend = new CrmBackend({
  port,
  host,
  contacts: contacts
    ? contactsFile.parse(JSON.parse(readFileSync(contacts, 'utf8')))
    : [
        {
          id: 'c-1',
          name: 'Ada Quinn',
          phone: '+15550100001',
          email: 'ada@northwind.example',
          accountStatus: 'gold',
          lastInteraction: '2026-01-05',
          preferredLanguage: 'en',
        },
      ],
  ...(apiKey !== undefined && { apiKey }),
  ...(secret !== undefined && { secret }),
  onRequest: ({ method, path, status }) => {
    const event = backend.received.at(-1);
    const what = path.startsWith('/webhook') && status === 200 ? ` ${event?.event}` : '';
    process.stdout.write(`${method} ${path} → ${status ?? 'no answer'}${what}\n`);
  },
});

const { url } = await backend.start();
process.stdout.write(`listening on ${url}\n`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void backend.stop());
}
