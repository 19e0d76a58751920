import { SqliteError } from 'better-sqlite3';
import { CallwireError, isCallwireError } from '../errors.ts';

/**
 * What SQLite says, as an error with a code, a verdict on retrying and a remedy. The message of
 * SQLite is kept: it names files, tables and constraints, never values.
 * Codes: https://sqlite.org/rescode.html
 */
export function storeError(error: unknown): CallwireError {
  if (isCallwireError(error)) return error;
  if (!(error instanceof SqliteError)) {
    const message = error instanceof Error ? error.message : String(error);
    return new CallwireError('STORE_FAILED', message, { cause: error });
  }
  const known = KNOWN.find(([prefix]) => error.code.startsWith(prefix));
  if (known === undefined) {
    return new CallwireError('STORE_FAILED', `${error.code}: ${error.message}`, { cause: error });
  }
  const [, code, retryable, remedy] = known;
  return new CallwireError(code, `${error.code}: ${error.message}`, {
    retryable,
    remedy,
    cause: error,
  });
}

/** A rule of the schema was broken: the entry is at fault, the database and the batch are sound. */
export function isConstraintError(error: unknown): error is Error {
  return error instanceof SqliteError && error.code.startsWith('SQLITE_CONSTRAINT');
}

const DISK = 'Check the disk that holds DATA_DIR (system log, file system, mount).';
const KNOWN: ReadonlyArray<readonly [prefix: string, code: string, retryable: boolean, string]> = [
  ['SQLITE_FULL', 'STORE_FULL', true, 'Free space on the disk that holds DATA_DIR.'],
  ['SQLITE_IOERR', 'STORE_IO', true, DISK],
  ['SQLITE_BUSY', 'STORE_BUSY', true, 'Another program holds the database file: close it.'],
  ['SQLITE_CORRUPT', 'STORE_CORRUPT', false, restore()],
  ['SQLITE_NOTADB', 'STORE_CORRUPT', false, restore()],
  [
    'SQLITE_READONLY',
    'STORE_NOT_WRITABLE',
    false,
    'Make DATA_DIR and its files writable for this user.',
  ],
  [
    'SQLITE_CANTOPEN',
    'STORE_NOT_WRITABLE',
    false,
    'Make DATA_DIR and its files writable for this user.',
  ],
];

function restore(): string {
  return (
    'Stop Callwire, keep a copy of DATA_DIR, then restore callwire.db from a backup or rescue it ' +
    'with `sqlite3 callwire.db .recover`. Without the file, Callwire starts with an empty one.'
  );
}
