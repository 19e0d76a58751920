import { type CsvError, type InfoRecord, parse } from 'csv-parse';
import type { CountryCode } from 'libphonenumber-js/min';
import { hasControlCharacters, hasControlCharactersInLines } from '../config/control_characters.ts';
import { toE164In } from '../config/phone_number.ts';
import { CallwireError } from '../errors.ts';
import type { ContactInput, ContactStore } from '../store/store.ts';
import { readColumns } from './contact_columns.ts';
import { openCsvFile, unreadable } from './csv_file.ts';

/** Each batch is one transaction: an fsync for 500 rows instead of one for each. */
const BATCH_SIZE = 500;
/** Without it, a quote that is never closed would read the rest of the file into one cell. */
const MAX_RECORD_BYTES = 64 * 1024;

export interface ContactsImport {
  path: string;
  store: Pick<ContactStore, 'importContacts'>;
  /** How numbers without a country code are read (`US`). */
  country: CountryCode | undefined;
  onBadRow: (row: BadRow) => void;
  /** After each batch: the rows stored so far. */
  onProgress?: (rows: number) => void;
  signal?: AbortSignal;
}

export interface BadRow {
  /** Where the row begins in the file, from 1. */
  line: number;
  /** Without the row's data. */
  reason: string;
}

export interface ImportSummary {
  created: number;
  updated: number;
  bad: number;
}

/**
 * Reads contacts from a CSV file into the built-in CRM, in batches and with constant memory. A bad
 * row is reported and left out; the others are imported. Contacts with a known phone are updated.
 * Rejects with `CSV_FILE_UNREADABLE`, `CONTACTS_FILE_EMPTY` and `CONTACTS_NO_PHONE_COLUMN`
 * before anything is stored; importing a file again after any other end does no harm.
 */
export async function importContactsCsv(options: ContactsImport): Promise<ImportSummary> {
  const summary: ImportSummary = { created: 0, updated: 0, bad: 0 };
  const report = (row: BadRow) => {
    summary.bad += 1;
    options.onBadRow(row);
  };
  let batch: ContactInput[] = [];
  const flush = async () => {
    if (batch.length === 0) return;
    const { created, updated } = await options.store.importContacts(batch);
    batch = [];
    summary.created += created;
    summary.updated += updated;
    options.onProgress?.(summary.created + summary.updated);
  };

  for await (const { line, row } of readRows(options.path, report)) {
    options.signal?.throwIfAborted();
    const judged = judge(row, options.country);
    if ('reason' in judged) report({ line, reason: judged.reason });
    else batch.push(judged.contact);
    if (batch.length >= BATCH_SIZE) await flush();
  }
  await flush();
  return summary;
}

async function* readRows(
  path: string,
  report: (row: BadRow) => void,
): AsyncGenerator<{ line: number; row: ContactInput }> {
  const { stream, delimiter } = await openCsvFile(path);
  let broken: CsvError | undefined;
  const parser = parse({
    bom: true,
    delimiter,
    info: true,
    ltrim: true,
    max_record_size: MAX_RECORD_BYTES,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    // Not to go on behind the error, where rows begin in the middle of others, but to be given the
    // good rows before it: a stream that fails forgets what it has buffered.
    skip_records_with_error: true,
    on_skip: (error) => {
      broken ??= error;
    },
  });
  stream.on('error', (error) => parser.destroy(unreadable(error)));
  stream.pipe(parser);
  let columns: readonly string[] | undefined;
  let read: ReturnType<typeof readColumns> | undefined;
  let lastLine = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<ParsedRecord>) {
      if (broken !== undefined && info.records > Number(broken.records)) break;
      const cells = record.map((cell) => cell.trim());
      const line = info.lines - record.join('').split('\n').length + 1;
      lastLine = info.lines;
      if (columns === undefined || read === undefined) {
        columns = cells;
        read = readColumns(cells);
      } else if (cells.slice(columns.length).some((cell) => cell !== '')) {
        report({ line, reason: `has ${cells.length} cells for ${columns.length} columns` });
      } else if (cells.some((cell) => cell !== '')) {
        yield { line, row: read(cells) };
      }
    }
  } finally {
    stream.destroy();
    parser.destroy();
  }
  if (broken !== undefined) {
    const reason = 'is over 64 KB or begins a quote that is not closed; the rest was not read';
    report({ line: lastLine + 1, reason });
  } else if (columns === undefined) {
    throw new CallwireError('CONTACTS_FILE_EMPTY', 'The file has no line of column names.', {
      remedy: 'The first line names the columns: name,phone,email,…',
    });
  }
}

interface ParsedRecord {
  record: string[];
  info: InfoRecord;
}

function judge(
  row: ContactInput,
  country: CountryCode | undefined,
): { contact: ContactInput } | { reason: string } {
  if (JSON.stringify(row).includes('\ufffd')) {
    return { reason: 'is not UTF-8: save the file as "CSV UTF-8"' };
  }
  if (row.phone === '') return { reason: 'has no phone number' };
  const { fields, name, email, ...others } = row;
  const lines = [...Object.values(others), ...Object.values(fields)];
  if (
    [name, email, ...Object.keys(fields)].some((text) => hasControlCharacters(text ?? '')) ||
    lines.some((text) => hasControlCharactersInLines(text ?? ''))
  ) {
    return { reason: 'holds control characters' };
  }
  const phone = toE164In(country, row.phone);
  if (phone !== null) return { contact: { ...row, phone } };
  return row.phone.startsWith('+') || country !== undefined
    ? { reason: 'has no possible phone number' }
    : { reason: 'has a phone number without a country code: write +…, or give --country' };
}
