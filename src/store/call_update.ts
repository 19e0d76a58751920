import type { Transaction } from 'kysely';
import { derivedColumns, reportedColumns } from './call_row.ts';
import { prepared } from './prepared.ts';
import type { Tables } from './schema.ts';
import type { CallRecord } from './store.ts';

/*
 * An update of a call names only the columns that have changed. SQLite writes every index that a named
 * column is in, whether its value is another one or not; with all columns named, each append of a call
 * put four pages of indexes into its commit that it had not touched.
 */

export type CallColumns = Partial<
  ReturnType<typeof derivedColumns> & ReturnType<typeof reportedColumns>
>;

/** What appends may change in the row of this call. */
export function callColumns(call: CallRecord): CallColumns {
  const derived = derivedColumns(call);
  return call.providerCallId === null ? derived : { ...derived, ...reportedColumns(call) };
}

/** Those of `columns` that `stored` has not, or with another value. */
export function changedColumns(stored: CallColumns, columns: CallColumns): CallColumns {
  const before: Record<string, unknown> = stored;
  return Object.fromEntries(
    Object.entries(columns).filter(([name, value]) => before[name] !== value),
  );
}

/** Does nothing where there are no columns. */
export async function updateCall(
  trx: Transaction<Tables>,
  id: string,
  columns: CallColumns,
): Promise<void> {
  const names = Object.keys(columns).join();
  if (names === '') return;
  let update = updates.get(names);
  if (update === undefined) {
    update = statement();
    updates.set(names, update);
  }
  await update(trx, { id, ...columns });
}

/** One for each set of columns: calls go through the same few changes. */
const updates = new Map<string, ReturnType<typeof statement>>();

function statement() {
  return prepared((db, { id, ...columns }: { id: string } & CallColumns) =>
    db.updateTable('calls').set(columns).where('id', '=', id),
  );
}
