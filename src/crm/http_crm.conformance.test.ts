import { CrmBackend } from '../../sim/crm/crm_backend.ts';
import { describeCrm } from './crm_conformance.ts';
import { HttpCrm } from './http_crm.ts';
import { HttpCrmWriter } from './http_crm_writer.ts';

describeCrm('http', async () => {
  const backend = new CrmBackend({ apiKey: 'made-up-key' });
  const options = { url: (await backend.start()).url, apiKey: 'made-up-key' };
  return {
    crm: new HttpCrm(options),
    writer: new HttpCrmWriter(options),
    addContact(contact) {
      const id = `c-${backend.contacts.length + 1}`;
      // A spread, unlike an assignment, takes a field called __proto__ for data.
      backend.contacts.push({ ...contact, id });
      return Promise.resolve(id);
    },
    written: () =>
      Promise.resolve(
        backend.writes.map(({ contactId, body }) => ({
          operation: 'text' in body || body.type === 'note' ? 'note' : 'activity',
          contactId,
          phone: typeof body.phone === 'string' ? body.phone : null,
          text: String(body.text ?? body.summary),
        })),
      ),
    hang() {
      backend.behave('lookup', { mode: 'hang' });
      backend.behave('writes', { mode: 'hang' });
    },
    answerGarbage: () => backend.behave('lookup', { mode: 'garbage' }),
    vanish: () => backend.stop(),
    close: () => backend.stop(),
  };
});
