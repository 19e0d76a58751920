import type { Ledger } from '../ledger/ledger.ts';
import { addContactEntry, findContacts, importContacts } from '../store/contacts.ts';
import { migrate } from '../store/migrations/index.ts';
import { openSqliteConnection } from '../store/sqlite_connection.ts';
import type { ContactStore } from '../store/store.ts';
import { BuiltinCrm } from './builtin_crm.ts';
import { BuiltinCrmWriter } from './builtin_crm_writer.ts';
import { builtinCrmRequests } from './builtin_requests.ts';
import { describeCrm } from './crm_conformance.ts';

describeCrm('builtin', async () => {
  const db = openSqliteConnection(':memory:');
  await migrate(db);
  let behaviour: 'answer' | 'hang' | 'garbage' | 'gone' = 'answer';
  const misbehaving = (): Promise<never> | null => {
    if (behaviour === 'hang') return new Promise(() => {});
    return behaviour === 'gone' ? Promise.reject(new Error('the socket is gone')) : null;
  };
  const store: Pick<ContactStore, 'findContacts' | 'addContactEntry'> = {
    findContacts: (query) => findContacts(db, query),
    addContactEntry: (entry) =>
      misbehaving() ?? db.transaction().execute((trx) => addContactEntry(trx, entry, Date.now())),
  };
  const requests = builtinCrmRequests(store);
  const ledger: Pick<Ledger, 'request'> = {
    // As over the socket: JSON both ways.
    async request<T>(method: string, params: unknown, signal: AbortSignal): Promise<T> {
      await misbehaving();
      if (behaviour === 'garbage') return 'no contact' as T;
      const answer = await requests[method]?.(JSON.parse(JSON.stringify(params)), signal);
      return JSON.parse(JSON.stringify(answer)) as T;
    },
  };
  return {
    crm: new BuiltinCrm(ledger),
    writer: new BuiltinCrmWriter(store),
    knowsForeignIds: true,
    async addContact({ phone, name, ...fields }) {
      const contact = {
        phone,
        name,
        email: null,
        accountStatus: null,
        lastInteraction: null,
        preferredLanguage: null,
        fields,
      };
      await db.transaction().execute((trx) => importContacts(trx, [contact], Date.now()));
      const [made] = await findContacts(db, { phone, limit: 1 });
      return made?.id ?? '';
    },
    async written() {
      const rows = await db.selectFrom('contact_entries').selectAll().orderBy('position').execute();
      return rows.map(({ kind, contact_id, phone, data }) => ({
        operation: kind,
        contactId: contact_id,
        phone,
        text: String(JSON.parse(data).text),
      }));
    },
    hang() {
      behaviour = 'hang';
    },
    answerGarbage() {
      behaviour = 'garbage';
    },
    vanish() {
      behaviour = 'gone';
    },
    close: () => db.destroy(),
  };
});
