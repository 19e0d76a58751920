import type { Readable } from 'node:stream';
import { parse } from 'csv-parse/sync';
import type { CountryCode } from 'libphonenumber-js/min';
import { toE164In } from '../config/phone_number.ts';
import { columnKey, isPhoneColumn } from '../crm/contact_columns.ts';
import { openCsvFile, unreadable } from '../crm/csv_file.ts';
import { newId } from '../ids.ts';
import type { SuppressionRecord, SuppressionStore } from '../store/suppression_store.ts';

/** Each batch is one transaction: an fsync for 500 numbers instead of one for each. */
const BATCH_SIZE = 500;
/** More is no line of a list; a file that is none at all has no end of line. */
const MAX_LINE_LENGTH = 64 * 1024;
const MAX_REASON_LENGTH = 1_000;
const REASON_COLUMNS = ['reason', 'note', 'notes', 'comment', 'comments'];

export interface SuppressionsImport {
  path: string;
  store: Pick<SuppressionStore, 'importSuppressions'>;
  /** How numbers without a country code are read (`US`). */
  country: CountryCode | undefined;
  /** Of numbers that the file gives none for. */
  reason: string | null;
  onBadRow: (row: { line: number; reason: string }) => void;
  /** After each batch: the numbers on the list so far. */
  onProgress?: (numbers: number) => void;
  signal?: AbortSignal;
}

/**
 * Puts the numbers of a file on the suppression list: a CSV file with a column of phone numbers (all
 * of them count where there are several) and perhaps one of reasons, or a bare list without a line of
 * column names. Rejects with `CSV_FILE_UNREADABLE`; importing a file again after any end does no harm.
 *
 * A number that is lost here is a person who is called although they asked not to be. So every line
 * stands on its own, and a quote that is never closed cannot swallow those behind it, as it may in a
 * file of contacts; what cannot be read is told by its line.
 */
export async function importSuppressionsCsv(
  options: SuppressionsImport,
): Promise<{ created: number; known: number; bad: number }> {
  const summary = { created: 0, known: 0, bad: 0 };
  let batch: SuppressionRecord[] = [];
  const flush = async () => {
    if (batch.length === 0) return;
    const { created, known } = await options.store.importSuppressions(batch);
    batch = [];
    summary.created += created;
    summary.known += known;
    options.onProgress?.(summary.created + summary.known);
  };
  const report = (line: number, reason: string) => {
    summary.bad += 1;
    options.onBadRow({ line, reason });
  };

  const { stream, delimiter } = await openCsvFile(options.path);
  let columns: Columns | undefined;
  for await (const { line, text } of linesOf(stream)) {
    options.signal?.throwIfAborted();
    if (text === null) {
      report(line, 'is over 64 KB: this is no list of phone numbers');
      continue;
    }
    const cells = cellsOf(text, delimiter);
    if (cells.every((cell) => cell === '')) continue;
    if (columns === undefined) {
      columns = columnsOf(cells);
      if (columns.phones !== null) continue;
    }
    const { phones, unreadable } = numbersOf(cells, columns, options.country);
    const reason = reasonOf(cells, columns) ?? options.reason;
    batch.push(...phones.map((phone) => suppression(phone, reason)));
    if (phones.length === 0 && !unreadable) report(line, 'has no phone number');
    if (unreadable) report(line, unreadableNumber(options.country));
    if (batch.length >= BATCH_SIZE) await flush();
  }
  await flush();
  return summary;
}

interface Columns {
  /** `null` in a bare list: whatever is a phone number is one. */
  phones: readonly number[] | null;
  reason: number;
}

/** By the first line that is not empty. */
function columnsOf(names: readonly string[]): Columns {
  const phones = names.flatMap((name, index) => (isPhoneColumn(name) ? [index] : []));
  if (phones.length === 0) return { phones: null, reason: -1 };
  return { phones, reason: names.findIndex((name) => REASON_COLUMNS.includes(columnKey(name))) };
}

function numbersOf(
  cells: readonly string[],
  { phones: columns }: Columns,
  country: CountryCode | undefined,
): { phones: string[]; unreadable: boolean } {
  const given = columns === null ? cells : columns.map((column) => cells[column] ?? '');
  const candidates = given.filter((cell) => cell !== '');
  const read = candidates.map((cell) => toE164In(country, cell));
  const phones = read.filter((phone) => phone !== null);
  // In a bare list the cells beside a number are anything; in a column of numbers they are numbers.
  const unreadable =
    columns === null
      ? phones.length === 0 && candidates.some(hasDigits)
      : phones.length < candidates.length;
  return { phones, unreadable };
}

function hasDigits(cell: string): boolean {
  return /\d{5}/.test(cell.replaceAll(/[\s().-]/g, ''));
}

function unreadableNumber(country: CountryCode | undefined): string {
  return country === undefined
    ? 'has a phone number that cannot be read: write +…, or give --country'
    : 'has a phone number that cannot be read';
}

function reasonOf(cells: readonly string[], { reason }: Columns): string | null {
  const text = (cells[reason] ?? '').replaceAll(/[\p{C}\ufffd]+/gu, ' ').trim();
  return text === '' ? null : text.slice(0, MAX_REASON_LENGTH).toWellFormed();
}

function suppression(phone: string, reason: string | null): SuppressionRecord {
  const now = Date.now();
  return { id: newId('sup', now), phone, source: 'import', reason, callId: null, createdAt: now };
}

function cellsOf(line: string, delimiter: string): string[] {
  const options = { bom: true, delimiter, relax_column_count: true, trim: true };
  try {
    const [cells = []] = parse(line, { ...options, relax_quotes: true });
    return cells;
  } catch {
    // A quote without its other half: then none of the line's quotes means anything.
    const [cells = []] = parse(line, { ...options, quote: false });
    return cells.map((cell) => cell.replaceAll('"', '').trim());
  }
}

/** The lines of a text, from 1; `null` for one that is too long to be one. */
async function* linesOf(stream: Readable): AsyncGenerator<{ line: number; text: string | null }> {
  let line = 0;
  let held = '';
  let tooLong = false;
  const next = (text: string) => {
    line += 1;
    const whole = { line, text: tooLong || text.length > MAX_LINE_LENGTH ? null : text };
    tooLong = false;
    return whole;
  };
  try {
    for await (const chunk of stream as AsyncIterable<string>) {
      const lines = (held + chunk).split('\n');
      held = lines.pop() ?? '';
      for (const text of lines) yield next(text);
      if (held.length > MAX_LINE_LENGTH) {
        tooLong = true;
        held = '';
      }
    }
  } catch (error) {
    throw unreadable(error);
  }
  if (held !== '' || tooLong) yield next(held);
}
