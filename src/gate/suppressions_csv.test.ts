import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import type { SuppressionRecord } from '../store/suppression_store.ts';
import { importSuppressionsCsv } from './suppressions_csv.ts';

const folder = await mkdtemp(join(tmpdir(), 'callwire-suppressions-'));
afterAll(() => rm(folder, { recursive: true }));

async function importText(content: string | Buffer, country?: 'US' | 'DE') {
  const path = join(folder, 'list.csv');
  await writeFile(path, content);
  const stored: SuppressionRecord[] = [];
  const bad: { line: number; reason: string }[] = [];
  const batches: number[] = [];
  const summary = await importSuppressionsCsv({
    path,
    country,
    reason: null,
    store: {
      importSuppressions(batch) {
        stored.push(...batch);
        batches.push(batch.length);
        return Promise.resolve({ created: batch.length, known: 0 });
      },
    },
    onBadRow: (row) => bad.push(row),
  });
  const phones = stored.map(({ phone }) => phone);
  return { stored, phones, lines: bad.map(({ line }) => line), bad, batches, summary };
}

it('reads numbers and reasons out of a table', async () => {
  const { stored } = await importText(
    'Name,Phone Number,Reason\nAda,+1 555-010-0001,"asked us, twice"\nBo,+15550100002,\n',
  );
  expect(stored).toMatchObject([
    { phone: '+15550100001', reason: 'asked us, twice', source: 'import', callId: null },
    { phone: '+15550100002', reason: null },
  ]);
  expect(new Set(stored.map(({ id }) => id)).size).toBe(2);
});

it.each([
  ['a bare list', '+15550100001\n15550100002\n\n+1 (555) 010-0003'],
  ['semicolons', 'phone;note\n+15550100001;a\n+15550100002;b, c\n+15550100003;\n'],
  ['CRLF', 'phone\r\n+15550100001\r\n+15550100002\r\n+15550100003\r\n'],
  ['a byte-order mark', '\ufeffphone\n+15550100001\n+15550100002\n+15550100003\n'],
  ['UTF-16', Buffer.from('\ufeffphone\r\n+15550100001\r\n+15550100002\r\n+15550100003', 'utf16le')],
  ['quotes', '"phone"\n"+15550100001"\n"+15550100002"\n"+15550100003"\n'],
  ['unknown column names', 'Rufnummer,Name\n+15550100001,A\n+15550100002,B\n+15550100003,C\n'],
])('reads %s', async (_, content) => {
  const { phones } = await importText(content);
  expect(phones).toEqual(['+15550100001', '+15550100002', '+15550100003']);
});

it('takes every phone number of a row', async () => {
  const { phones } = await importText('Mobile,Work Phone\n+15550100001,+15550100002\n');
  expect(phones).toEqual(['+15550100001', '+15550100002']);
});

it('tells garbage by its line, and reads what is around it', async () => {
  const { phones, lines, bad, summary } = await importText(
    [
      'phone,reason',
      '+15550100001,one',
      'garbage', // 3
      '',
      ',no number', // 5
      '5550100,without its country', // 6
      '1.55501E+10,by a spreadsheet', // 7
      '+15550100002,two',
      '\u0000\u0001\u0002', // 9
      '+15550100003',
    ].join('\n'),
  );
  expect(phones).toEqual(['+15550100001', '+15550100002', '+15550100003']);
  expect(lines).toEqual([3, 5, 6, 7, 9]);
  expect(summary).toEqual({ created: 3, known: 0, bad: 5 });
  // Whose number it is belongs into no terminal's log.
  expect(JSON.stringify(bad)).not.toMatch(/5550/);
});

it('loses no line behind a quote that is never closed', async () => {
  const { phones } = await importText(
    'phone,reason\n+15550100001,"asked us\nto stop"\n"+15550100002,x\n+15550100003,6" nails\n',
  );
  expect(phones).toEqual(['+15550100001', '+15550100002', '+15550100003']);
});

it('tells a number of a row whose other number it could read', async () => {
  const { phones, lines } = await importText('Mobile,Work Phone\n+15550100001,12\n');
  expect([phones, lines]).toEqual([['+15550100001'], [2]]);
});

it('reads national numbers only as those of a given country', async () => {
  const text = 'phone\n(555) 010-0001\n+49 30 901820\n';
  const without = await importText(text);
  expect(without.phones).toEqual(['+4930901820']);
  expect(without.bad).toEqual([{ line: 2, reason: expect.stringContaining('--country') }]);
  expect((await importText(text, 'US')).phones).toEqual(['+15550100001', '+4930901820']);
});

it('stores in batches, with constant memory', async () => {
  const rows = Array.from({ length: 1_201 }, (_, index) => `+1555010${1_000 + index}`);
  const { batches, phones } = await importText(rows.join('\n'));
  expect(batches).toEqual([500, 500, 201]);
  expect(phones).toEqual(rows);
});

it('goes on behind a line without an end', async () => {
  const { phones, lines } = await importText(
    `+15550100001\n${'x'.repeat(300_000)}\n+15550100002\n${'y'.repeat(70_000)}`,
  );
  expect(phones).toEqual(['+15550100001', '+15550100002']);
  expect(lines).toEqual([2, 4]);
});

it('reads every number between lines of anything', async () => {
  const line = fc.oneof(
    fc.integer({ min: 0, max: 9_999 }).map((n) => `+1555010${String(n).padStart(4, '0')}`),
    fc.string({ unit: fc.constantFrom('"', ',', ' ', 'a', '\t', ';', 'é', '\u0000', '+', '1') }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 30 }), async (lines) => {
      const numbers = lines.filter((text) => /^\+1555010\d{4}$/.test(text));
      const { phones, bad } = await importText(['phone', ...lines].join('\n'));
      expect(phones.filter((phone) => phone.startsWith('+1555010'))).toEqual(numbers);
      for (const { line: at } of bad) expect(numbers).not.toContain(lines[at - 2]);
    }),
    { numRuns: 100 },
  );
});

it('says that a file cannot be read', async () => {
  const importing = importSuppressionsCsv({
    path: join(folder, 'missing.csv'),
    country: undefined,
    reason: null,
    store: { importSuppressions: () => Promise.reject(new Error('not asked here')) },
    onBadRow: () => {},
  });
  await expect(importing).rejects.toMatchObject({ code: 'CSV_FILE_UNREADABLE' });
});
