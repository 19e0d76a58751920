import { describe, expect, it } from 'vitest';
import { contact } from './drafts.ts';
import type { StoreUnderTest } from './store_under_test.ts';

/** The built-in CRM. */
export function contactConformance(t: StoreUnderTest): void {
  describe('contacts', () => {
    it('are imported by phone: what is left out stays', async () => {
      const ada = contact({ name: 'Ada', email: 'ada@example.com', fields: { Tier: 'gold' } });
      expect(await t.store.importContacts([ada])).toEqual({ created: 1, updated: 0 });
      const again = contact({ accountStatus: 'active', fields: { City: 'Bath' } });
      const other = contact({ phone: '+15550100002' });
      expect(await t.store.importContacts([again, other])).toEqual({ created: 1, updated: 1 });
      expect(await t.store.findContacts({ phone: ada.phone, limit: 5 })).toEqual([
        expect.objectContaining({
          name: 'Ada',
          email: 'ada@example.com',
          accountStatus: 'active',
          fields: { Tier: 'gold', City: 'Bath' },
        }),
      ]);
    });

    it('are found by a part of name, e-mail or phone, taken literally', async () => {
      await t.store.importContacts([
        contact({ name: 'Ada 100% Lovelace' }),
        contact({ phone: '+15550100002', email: 'bob@example.com' }),
      ]);
      const names = async (text: string) =>
        (await t.store.findContacts({ text, limit: 5 })).map(({ phone }) => phone);
      expect(await names('love')).toEqual(['+15550100001']);
      expect(await names('100%')).toEqual(['+15550100001']);
      expect(await names('BOB@')).toEqual(['+15550100002']);
      expect(await names('%')).toEqual(['+15550100001']);
      expect(await names('nobody')).toEqual([]);
    });

    it('take each entry once, and an unknown caller becomes a contact', async () => {
      const entry = {
        id: 'entry_1',
        contactId: null,
        phone: '+15550100009',
        kind: 'note' as const,
        time: t.now,
        data: { text: 'hello' },
      };
      const { contactId } = await t.store.addContactEntry(entry);
      expect(await t.store.addContactEntry(entry)).toEqual({ contactId });
      const second = { ...entry, id: 'entry_2' };
      expect(await t.store.addContactEntry(second)).toEqual({ contactId });
      expect(await t.store.getContact(contactId)).toMatchObject({ phone: entry.phone, name: null });
      expect(await t.store.listContactEntries(contactId)).toEqual([
        { ...entry, contactId },
        { ...second, contactId },
      ]);
    });

    it('are not invented for an entry that names nobody', async () => {
      const entry = { id: 'e', contactId: null, phone: null, kind: 'note' as const, time: t.now };
      await expect(t.store.addContactEntry({ ...entry, data: {} })).rejects.toMatchObject({
        code: 'CONTACT_PHONE_MISSING',
      });
      const unknown = { ...entry, contactId: 'con_unknown', data: {} };
      await expect(t.store.addContactEntry(unknown)).rejects.toMatchObject({
        code: 'CONTACT_UNKNOWN',
      });
    });
  });
}
