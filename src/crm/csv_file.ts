import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { CallwireError } from '../errors.ts';

/** Enough for the line of column names of any export seen. */
const HEAD_IN_BYTES = 64 * 1024;

const DELIMITERS = [',', ';', '\t'] as const;

export interface CsvFile {
  /** Its text, lines ending in LF. */
  stream: Readable;
  delimiter: (typeof DELIMITERS)[number];
}

/**
 * Opens a CSV file as spreadsheets write them: UTF-8 or UTF-16 with a byte-order mark, and commas,
 * semicolons (Excel, wherever the comma is the decimal sign) or tabs.
 *
 * The delimiter is judged by the line of column names alone. csv-parse can guess it too, but
 * counts whole rows, where a name or an address easily has more spaces and dots than commas.
 * Rejects with `CSV_FILE_UNREADABLE`.
 */
export async function openCsvFile(path: string): Promise<CsvFile> {
  const head = await readHead(path);
  const encoding = head[0] === 0xff && head[1] === 0xfe ? 'utf16le' : 'utf8';
  const columnLine = head.toString(encoding).split(/\r\n|\n|\r/, 1)[0] ?? '';
  const unquoted = columnLine.replaceAll(/"[^"]*"/g, '');
  const count = (delimiter: string) => unquoted.split(delimiter).length;
  const delimiter = DELIMITERS.reduce((best, next) => (count(next) > count(best) ? next : best));
  const text = createReadStream(path, { encoding });
  return { stream: Readable.from(unixLines(text)), delimiter };
}

/** csv-parse counts a CRLF inside of a cell as two lines, and every later line number is wrong. */
async function* unixLines(text: AsyncIterable<string>): AsyncGenerator<string> {
  let held = '';
  for await (const chunk of text) {
    const lines = held + chunk;
    held = lines.endsWith('\r') ? '\r' : '';
    yield lines.slice(0, lines.length - held.length).replaceAll(/\r\n?/g, '\n');
  }
  if (held !== '') yield '\n';
}

async function readHead(path: string): Promise<Buffer> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_IN_BYTES), 0, HEAD_IN_BYTES);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(error);
  }
}

export function unreadable(error: unknown): CallwireError {
  const reason = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
  return new CallwireError('CSV_FILE_UNREADABLE', `The file cannot be read${reason}.`, {
    remedy: 'Check its path and that you may read it.',
    cause: error,
  });
}
