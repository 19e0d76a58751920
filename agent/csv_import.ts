import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { type CountryCode, isSupportedCountry } from 'libphonenumber-js/min';

/** Without a terminal to draw on, a line of progress per so many rows. */
const PROGRESS_STEP = 10_000;

export interface CsvImportOptions {
  /** As it was written on the command line. */
  file: string;
  /** What a row holds, for the progress: `contacts`. */
  noun: string;
  run: (given: {
    path: string;
    signal: AbortSignal;
    onBadRow: (row: { line: number; reason: string }) => void;
    onProgress: (rows: number) => void;
  }) => Promise<{ bad: number; told: string }>;
}

/**
 * Imports a file for a command: shows progress and bad rows on stderr, lets Ctrl-C stop it between two
 * batches, and sets the exit code (1 with bad rows, 130 when it was stopped).
 */
export async function runCsvImport({ file, noun, run }: CsvImportOptions): Promise<void> {
  const interrupted = new AbortController();
  // Once: a second Ctrl-C ends the process as usual.
  process.once('SIGINT', () => interrupted.abort());
  let stored = 0;
  try {
    const { bad, told } = await run({
      // npm runs scripts in the project's folder and says here where it was called.
      path: resolve(process.env.INIT_CWD ?? '.', file),
      signal: interrupted.signal,
      onBadRow: ({ line, reason }) => sayAboveProgress(`line ${line} ${reason}`),
      onProgress: (rows) => {
        showProgress(noun, rows, stored);
        stored = rows;
      },
    });
    sayAboveProgress(told);
    if (bad > 0) process.exitCode = 1;
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    sayAboveProgress(`stopped after ${stored} ${noun}; importing the file again does no harm`);
    process.exitCode = 130;
  }
}

/** Of an option that names a country. */
export function country(code: string): CountryCode {
  const upper = code.toUpperCase();
  if (isSupportedCountry(upper)) return upper;
  throw new InvalidArgumentError('Use the two letters of a country: US, DE, GB, …');
}

/** Of an option that says how many. */
export function count(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0 && number <= 1_000) return number;
  throw new InvalidArgumentError('Use a whole number from 1 to 1000.');
}

function sayAboveProgress(line: string): void {
  const clear = process.stderr.isTTY ? '\r\u001b[K' : '';
  process.stderr.write(`${clear}${line}\n`);
}

function showProgress(noun: string, rows: number, before: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${rows} ${noun} …`);
  else if (Math.floor(rows / PROGRESS_STEP) > Math.floor(before / PROGRESS_STEP)) {
    sayAboveProgress(`${rows} ${noun} …`);
  }
}
