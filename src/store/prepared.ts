import type { CompiledQuery, DatabaseConnection, Kysely, QueryResult, Transaction } from 'kysely';
import type { Tables } from './schema.ts';

/**
 * A statement that is built once, at its first use, and executed with other values from then on. Kysely
 * builds and compiles anew for every execution, which of the statements of an append takes longer than
 * SQLite takes for them.
 *
 * `build` gets `given` with marks in place of its values, so it may only hand them on as parameters;
 * `given` must always have the same keys.
 */
export function prepared<Given extends object, Row = unknown>(
  build: (db: Kysely<Tables>, given: Given) => { compile(db: Kysely<Tables>): CompiledQuery<Row> },
): (db: Kysely<Tables>, given: Given) => Promise<QueryResult<Row>> {
  let compiled: CompiledQuery<Row> | undefined;
  return async (db, given) => {
    compiled ??= build(db, marksOf(given)).compile(db);
    const values = given as Record<string, unknown>;
    const parameters = compiled.parameters.map((one) =>
      one instanceof Mark ? values[one.key] : one,
    );
    return await execute(db, { ...compiled, parameters });
  };
}

/** Executes what is compiled: on the connection itself, where `db` is a transaction that holds one. */
export function execute<Row>(
  db: Kysely<Tables>,
  query: CompiledQuery<Row>,
): Promise<QueryResult<Row>> {
  return held.get(db)?.executeQuery<Row>(query) ?? db.executeQuery<Row>(query);
}

/**
 * While the work lasts, its transaction's statements go straight to the connection. Each would wait for some
 * fifteen promises of Kysely on its way there, and be kept from running beside another, which SQLite cannot do
 * anyway.
 */
export async function onConnection<T>(
  trx: Transaction<Tables>,
  work: (trx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  const connection = await trx.getExecutor().provideConnection((one) => Promise.resolve(one));
  held.set(trx, connection);
  try {
    return await work(trx);
  } finally {
    held.delete(trx);
  }
}

const held = new WeakMap<Kysely<Tables>, DatabaseConnection>();

/** Stands for a value where there is none yet. */
class Mark {
  readonly key: string;

  constructor(key: string) {
    this.key = key;
  }
}

function marksOf<Given extends object>(given: Given): Given {
  return Object.fromEntries(Object.keys(given).map((key) => [key, new Mark(key)])) as Given;
}
