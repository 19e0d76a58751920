import { openAdminStore } from '../src/ledger/admin_store.ts';
import type { Store } from '../src/store/store.ts';
import { commandSettings } from './command_settings.ts';

/** Of every command's help: npm swallows options that stand before the two dashes. */
export const NPM_OPTIONS_HINT = '\nWith npm, options stand behind --:';

/** What a command does with the store: through a running worker, or on the file itself. */
export async function withStore<T>(use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openAdminStore(commandSettings().dataDir);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** Columns for people; what steers a terminal is taken out, since names come from anybody. */
export function printRows(rows: readonly (readonly string[])[]): void {
  const clean = rows.map((row) => row.map((cell) => cell.replaceAll(/\p{C}/gu, ' ')));
  const widths = clean.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  );
  for (const row of clean) {
    const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
    process.stdout.write(`${line.trimEnd()}\n`);
  }
}

/** To stderr, so that what a command prints can be piped. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
