import { type RawBuilder, sql } from 'kysely';

/**
 * A list as one parameter, for `in`: however long it is, the statement is the same and stays
 * prepared, and no list is too long (SQLite takes 32,766 parameters).
 */
export function jsonList<T extends string | number>(values: readonly T[]): RawBuilder<T> {
  return inJsonList<T>(JSON.stringify(values));
}

/** The same of a list that is written as JSON already. */
export function inJsonList<T extends string | number>(json: string): RawBuilder<T> {
  return sql<T>`(select value from json_each(${json}))`;
}
