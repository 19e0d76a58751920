import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContactInput } from '../store/store.ts';
import { type BadRow, importContactsCsv } from './contacts_csv.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callwire-csv-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function importText(content: string | Buffer, country?: 'US' | 'DE') {
  const path = join(folder, 'contacts.csv');
  await writeFile(path, content);
  const contacts: ContactInput[] = [];
  const batches: number[] = [];
  const bad: BadRow[] = [];
  const summary = await importContactsCsv({
    path,
    country,
    store: {
      importContacts(batch) {
        contacts.push(...batch);
        batches.push(batch.length);
        return Promise.resolve({ created: batch.length, updated: 0 });
      },
    },
    onBadRow: (row) => bad.push(row),
  });
  return { contacts, batches, bad, summary };
}

const names = ({ contacts }: { contacts: ContactInput[] }) => contacts.map(({ name }) => name);

describe('importing contacts', () => {
  it('knows its columns by any usual name and keeps the others', async () => {
    const { contacts } = await importText(
      'Full Name,Phone Number,E-Mail,account_status,Last Interaction,preferredLanguage,Favourite Tea\n' +
        'Ada Quinn,+1 555-010-0001,ada@example.org,gold,2026-01-05,en,Assam\n',
    );
    expect(contacts).toEqual([
      {
        phone: '+15550100001',
        name: 'Ada Quinn',
        email: 'ada@example.org',
        accountStatus: 'gold',
        lastInteraction: '2026-01-05',
        preferredLanguage: 'en',
        fields: { 'Favourite Tea': 'Assam' },
      },
    ]);
  });

  it('puts first and last name together, and takes the first phone that is filled', async () => {
    const { contacts } = await importText(
      'First Name,Last Name,Mobile,Work Phone\nAda,Quinn,,+15550100001\n,Bo,+15550100002,+15550100003\n',
    );
    expect(contacts).toMatchObject([
      { name: 'Ada Quinn', phone: '+15550100001', fields: {} },
      { name: 'Bo', phone: '+15550100002', fields: { 'Work Phone': '+15550100003' } },
    ]);
  });

  it.each([
    ['semicolons', 'name;phone;note\nAda;+15550100001;a, b, c\n'],
    ['tabs', 'name\temail\tphone\nAda\t\t+15550100001\n'],
    ['a byte-order mark', '\ufeffname,phone\r\nAda,+15550100001\r\n'],
    ['UTF-16', Buffer.from('\ufeffname\tphone\r\nAda\t+15550100001\r\n', 'utf16le')],
    ['old Mac line ends', 'name,phone\rAda,+15550100001\r'],
    ['quoted names with commas', '"name","phone","a,b;c;d;e"\n"Ada","+15550100001",""'],
    ['short and blank rows', '\n\nname,phone,email,note\n\nAda,+15550100001\n,,,\n   \n'],
  ])('reads a file with %s', async (_, content) => {
    const imported = await importText(content);
    expect(imported.bad).toEqual([]);
    expect(imported.contacts).toMatchObject([{ name: 'Ada', phone: '+15550100001' }]);
  });

  it('reads quotes as people and programs write them', async () => {
    const imported = await importText(
      'name,phone\n"Ada ""Al"" Quinn",+15550100001\n6" Bo,+15550100002\n"Cy" x,+15550100003\n',
    );
    expect(names(imported)).toEqual(['Ada "Al" Quinn', '6" Bo', '"Cy" x']);
  });

  it.each([['\n'], ['\r\n']])('names the line where a bad row begins (ends: %j)', async (end) => {
    const lines = [
      'name,phone,note',
      'Ada,+15550100001,"two',
      'lines"',
      '',
      'Bo,,', // 5
      'Cy,12,',
      'Di,+1555010000199999,',
      'Ed,+15550100002,x,too many', // 8
      'Flo,+15550100003,',
    ];
    const imported = await importText(lines.join(end));
    expect(names(imported)).toEqual(['Ada', 'Flo']);
    expect(imported.contacts[0]?.fields).toEqual({ note: 'two\nlines' });
    expect(imported.bad.map(({ line }) => line).sort()).toEqual([5, 6, 7, 8]);
    expect(imported.summary).toEqual({ created: 2, updated: 0, bad: 4 });
    // A person's data belongs into the CRM, not into a terminal's log.
    expect(JSON.stringify(imported.bad)).not.toMatch(/Di|5550/);
  });

  it('reads national numbers only as those of a given country', async () => {
    const text = 'name,phone\nAda,(555) 010-0001\nBo,+49 30 901820\n';
    const without = await importText(text);
    expect(without.bad).toEqual([{ line: 2, reason: expect.stringContaining('--country') }]);
    expect(names(without)).toEqual(['Bo']);
    const inUs = await importText(text, 'US');
    expect(inUs.contacts.map(({ phone }) => phone)).toEqual(['+15550100001', '+4930901820']);
    const inGermany = await importText('phone\n030 901820\n', 'DE');
    expect(inGermany.contacts).toMatchObject([{ phone: '+4930901820' }]);
  });

  it('reports a name that is no text', async () => {
    const text =
      'name,phone,note\n"A\nda",+15550100001,\nB\0o,+15550100002,\nCy,+15550100003,"a\nb"\n';
    const imported = await importText(text);
    expect(imported.bad.map(({ reason }) => reason)).toEqual(
      Array(2).fill('holds control characters'),
    );
    expect(names(imported)).toEqual(['Cy']);
  });

  it('reports a row of another encoding instead of storing a broken name', async () => {
    const latin1 = Buffer.from('name,phone\nZoë,+15550100001\nBo,+15550100002\n', 'latin1');
    const imported = await importText(latin1);
    expect(imported.bad).toEqual([{ line: 2, reason: expect.stringContaining('UTF-8') }]);
    expect(names(imported)).toEqual(['Bo']);
  });

  it.each([
    ['at the end of the file', 'Cy,+15550100003\n'],
    ['in a long file', `${'Cy,+15550100003\n'.repeat(20_000)}"Di",+15550100004\n`],
  ])('imports what stands before a quote that is never closed, %s', async (_, rest) => {
    const imported = await importText(`name,phone\nAda,+15550100001\n"Bo,+15550100002\n${rest}`);
    expect(names(imported)).toEqual(['Ada']);
    expect(imported.bad).toEqual([{ line: 3, reason: expect.stringContaining('quote') }]);
  });

  it('stores in batches', async () => {
    const rows = Array.from({ length: 1_201 }, (_, i) => `N${i},+1555010${1_000 + i}\n`);
    const { batches, summary } = await importText(`name,phone\n${rows.join('')}`);
    expect(batches).toEqual([500, 500, 201]);
    expect(summary.created).toBe(1_201);
  });

  it('takes a column called __proto__ for data', async () => {
    const { contacts } = await importText('phone,__proto__\n+15550100001,x\n');
    expect(Object.getPrototypeOf(contacts[0]?.fields)).toBe(Object.prototype);
  });

  it.each([
    ['', 'CONTACTS_FILE_EMPTY'],
    ['\n\n', 'CONTACTS_FILE_EMPTY'],
    ['name,email\nAda,ada@example.org\n', 'CONTACTS_NO_PHONE_COLUMN'],
  ])('refuses %j with %s', async (text, code) => {
    await expect(importText(text)).rejects.toMatchObject({ code, remedy: expect.any(String) });
  });

  it('does not repeat a first line that is a row', async () => {
    await expect(importText('Ada,+15550100001\n')).rejects.toMatchObject({
      code: 'CONTACTS_NO_PHONE_COLUMN',
      message: expect.not.stringContaining('5550'),
    });
  });

  it.each([['missing.csv'], ['']])('says that %j cannot be read', async (name) => {
    const importing = importContactsCsv({
      path: join(folder, name),
      country: undefined,
      store: { importContacts: () => Promise.reject(new Error('not asked here')) },
      onBadRow: () => {},
    });
    await expect(importing).rejects.toMatchObject({ code: 'CSV_FILE_UNREADABLE' });
  });
});
