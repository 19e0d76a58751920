import { describe, expect, it } from 'vitest';
import type { Append, CallOpening } from '../store.ts';
import { callOpening, contact, event } from './drafts.ts';
import { START, type StoreUnderTest } from './store_under_test.ts';

const STRANGER = '+15550100003';

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

    it('are saved one by one as an import would', async () => {
      const ada = contact({ name: 'Ada', fields: { Tier: 'gold' } });
      const { contact: made, created } = await t.store.saveContact(ada);
      expect({ made, created }).toMatchObject({ made: ada, created: true });
      const again = await t.store.saveContact(contact({ email: 'ada@example.com' }));
      expect(again).toEqual({ contact: { ...made, email: 'ada@example.com' }, created: false });
      expect(await t.store.getContact(made.id)).toEqual(again.contact);
    });

    it('are changed field by field, and keep to one number each', async () => {
      const { contact: ada } = await t.store.saveContact(
        contact({ name: 'Ada', fields: { Tier: 'gold', City: 'Bath' } }),
      );
      const patch = { name: null, fields: { City: '', Age: '36' } };
      const changed = { ...ada, name: null, fields: { Tier: 'gold', Age: '36' } };
      expect(await t.store.updateContact(ada.id, patch)).toEqual(changed);
      expect(await t.store.getContact(ada.id)).toEqual(changed);
      await t.store.saveContact(contact({ phone: '+15550100002' }));
      expect(await t.store.updateContact(ada.id, { phone: '+15550100002' })).toBe('phone_taken');
      expect(await t.store.updateContact('con_unknown', {})).toBe('unknown');
      expect(await t.store.getContact(ada.id)).toEqual(changed);
    });

    it('are listed in pages, newest first, and deleted with their entries', async () => {
      const ids: string[] = [];
      for (let n = 1; n <= 3; n++) {
        t.now += 1;
        const saved = await t.store.saveContact(
          contact({ phone: `+1555010000${n}`, name: `n${n}` }),
        );
        ids.unshift(saved.contact.id);
      }
      const listed = async (before?: string) =>
        (await t.store.listContacts({ limit: 2, ...(before && { before }) })).map(({ id }) => id);
      expect(await listed()).toEqual(ids.slice(0, 2));
      expect(await listed(ids[1])).toEqual(ids.slice(2));
      expect(await t.store.listContacts({ limit: 5, text: 'N2' })).toHaveLength(1);

      const [id = ''] = ids;
      const entry = { id: 'e', contactId: id, phone: null, kind: 'note' as const, time: 1 };
      await t.store.addContactEntry({ ...entry, data: {} });
      expect(await t.store.deleteContact(id)).toBe(true);
      expect(await t.store.deleteContact(id)).toBe(false);
      expect(await t.store.listContactEntries(id)).toEqual([]);
    });

    it('learn of each call when it is completed, once', async () => {
      const { contact: ada } = await t.store.saveContact(contact());
      expect(ada).toMatchObject({ callCount: 0, lastCallAt: null, lastOutcome: null });
      const first = talk({ from: ada.phone }, { outcome: 'CALLBACK', answeredAt: START });
      expect(await t.append(first)).toEqual(['appended']);
      const knows = () => t.store.getContact(ada.id);
      const afterFirst = {
        callCount: 1,
        lastCallAt: START,
        lastCallDuration: 42,
        lastOutcome: 'CALLBACK',
      };
      expect(await knows()).toMatchObject(afterFirst);
      // The settlement that is repeated after a crash, and whoever else completes the call.
      const again = event('call.completed', { outcome: 'DNC' });
      await t.append(first, { callId: first.callId, events: [again] });
      expect(await knows()).toMatchObject(afterFirst);

      const missed = { direction: 'outbound', from: '+15550100000', to: ada.phone } as const;
      await t.append(talk(missed, { outcome: 'NO_ANSWER', endedAt: START + 90_000 }));
      expect(await knows()).toMatchObject({
        callCount: 2,
        lastCallAt: START + 90_000,
        lastCallDuration: 0,
        lastOutcome: 'NO_ANSWER',
      });
      // One that began before, and was read later.
      await t.append(
        talk({ from: ada.phone }, { outcome: 'RESOLVED', answeredAt: START + 10_000 }),
      );
      expect(await knows()).toMatchObject({ callCount: 3, lastOutcome: 'NO_ANSWER' });
    });

    it('learn nothing of calls that reached nobody', async () => {
      const { contact: ada } = await t.store.saveContact(contact());
      const outbound = { direction: 'outbound', from: '+15550100000', to: ada.phone } as const;
      await t.append(talk(outbound, { outcome: 'FAILED', reason: 'blocked' }));
      await t.append(talk({ from: null }, { outcome: 'RESOLVED', answeredAt: START }));
      expect(await t.store.listContacts({ limit: 5 })).toEqual([ada]);
    });

    it('are made of whoever was talked to, and not of whoever was missed', async () => {
      await t.append(talk({ from: STRANGER }, { outcome: 'NO_ANSWER' }));
      expect(await t.store.listContacts({ limit: 5 })).toEqual([]);
      await t.append(talk({ from: STRANGER }, { outcome: 'RESOLVED', answeredAt: START }));
      expect(await t.store.listContacts({ limit: 5 })).toMatchObject([
        { phone: STRANGER, name: null, callCount: 1, lastOutcome: 'RESOLVED' },
      ]);
    });

    it('are told by the number where an entry has the id of another CRM', async () => {
      const entry = { contactId: 'c21', kind: 'note' as const, time: t.now, data: {} };
      const { contactId } = await t.store.addContactEntry({ ...entry, id: 'e1', phone: STRANGER });
      expect(await t.store.getContact(contactId)).toMatchObject({ phone: STRANGER, name: null });
      const again = await t.store.addContactEntry({ ...entry, id: 'e2', phone: STRANGER });
      expect(again).toEqual({ contactId });
      const nowhere = t.store.addContactEntry({ ...entry, id: 'e3', phone: null });
      await expect(nowhere).rejects.toMatchObject({ code: 'CONTACT_UNKNOWN' });
      // One of ours that was deleted stays so.
      await t.store.deleteContact(contactId);
      const deleted = t.store.addContactEntry({ ...entry, contactId, id: 'e4', phone: STRANGER });
      await expect(deleted).rejects.toMatchObject({ code: 'CONTACT_UNKNOWN' });
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

/** A whole call in one append. */
function talk(
  opening: Partial<CallOpening>,
  call: { outcome: string; answeredAt?: number; endedAt?: number; reason?: string },
): Append {
  const open = callOpening(opening);
  const { outcome, answeredAt, endedAt = (answeredAt ?? START) + 42_000, reason } = call;
  const ended = event('call.ended', { end_reason: reason ?? 'caller_hung_up' });
  return {
    callId: open.id,
    open,
    events: [
      ...(answeredAt === undefined ? [] : [{ ...event('call.answered'), time: answeredAt }]),
      { ...ended, time: endedAt },
      event('call.completed', { outcome }),
    ],
  };
}
