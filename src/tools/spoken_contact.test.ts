import { describe, expect, it } from 'vitest';
import { spokenContact } from './spoken_contact.ts';

const CONTACT = { id: 'con_1', name: null, email: '', accountStatus: 'gold', visits: 0 };

describe('what a model is given of a contact', () => {
  it('is the fields that may be spoken, with null for what the CRM does not have', () => {
    expect(spokenContact(CONTACT, ['name', 'accountStatus', 'lastInteraction'])).toEqual({
      status: 'found',
      contact: { name: null, accountStatus: 'gold', lastInteraction: null },
    });
    expect(spokenContact(CONTACT, ['visits'])).toEqual({ status: 'found', contact: { visits: 0 } });
  });

  // It was {"name": null}, and agents took that for nobody.
  it('is told in words where it has none of them', () => {
    expect(spokenContact(CONTACT, ['name', 'email'])).toEqual({
      status: 'found',
      contact: {},
      note: 'the record has no value for: name, email',
    });
    expect(spokenContact(CONTACT, []).note).toContain('that may be spoken');
  });
});
