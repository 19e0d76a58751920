import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readContact } from './contact_record.ts';

describe('reading a contact', () => {
  it('reads both spellings, the first of them winning', () => {
    const contact = readContact({
      id: 7,
      name: 'Ada Quinn',
      account_status: 'gold',
      lastInteraction: '2026-01-05',
      last_interaction: '1999-01-01',
      preferredLanguage: '',
      preferred_language: 'de',
    });
    expect(contact).toMatchObject({
      id: '7',
      phone: null,
      email: null,
      accountStatus: 'gold',
      lastInteraction: '2026-01-05',
      preferredLanguage: 'de',
    });
  });

  it('keeps unknown fields of every shape, under their own names', () => {
    const owner = { name: 'Bo', tags: ['a', null, 1.5] };
    expect(readContact({ id: 'c', owner, score: 3, vip: true, nothing: null })).toMatchObject({
      owner,
      score: 3,
      vip: true,
      nothing: null,
    });
  });

  it('makes text of known fields or nothing at all', () => {
    expect(readContact({ id: 'c', name: { first: 'Ada' }, accountStatus: 3, email: [] })).toEqual(
      expect.objectContaining({ name: null, accountStatus: '3', email: null }),
    );
  });

  it.each([[null], ['text'], [[]], [{}], [{ id: '' }], [{ id: null }], [{ id: {} }]])(
    'takes %j for no contact',
    (value) => expect(readContact(value)).toBeNull(),
  );

  it('leaves out what is too large or nested too deep, and keeps the rest', () => {
    const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
    const contact = readContact({
      id: 'c',
      name: 'n'.repeat(9_000),
      deep,
      big: 'b'.repeat(5_000),
      ok: 1,
    });
    expect(contact?.name).toHaveLength(500);
    expect(contact).not.toHaveProperty('deep');
    expect(contact).not.toHaveProperty('big');
    expect(contact).toHaveProperty('ok', 1);
  });

  it('stays far below the 64 KB of an append, whatever the CRM sends', () => {
    const many = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, i) => [`field${i}`, '李'.repeat(30)]),
    );
    const contact = readContact({ id: 'c', ...many });
    expect(Buffer.byteLength(JSON.stringify(contact))).toBeLessThan(40_000);
  });

  it('gives, for any JSON, nothing or a contact that every database takes', () => {
    const record = fc.dictionary(
      fc.string({ unit: 'binary' }),
      fc.jsonValue({ stringUnit: 'binary' }),
    );
    fc.assert(
      fc.property(record, (value) => {
        const contact = readContact({ ...value, id: 'c' });
        const json = JSON.stringify(contact);
        expect(contact?.id).toBe('c');
        expect(json).not.toMatch(/\\u0000|\\ud[89a-f]/i);
      }),
    );
  });
});
