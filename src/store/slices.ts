/** SQLite takes 32,766 parameters; lists of ids stay far below. */
export function* slices(ids: readonly string[]): Generator<readonly string[]> {
  for (let start = 0; start < ids.length; start += 500) yield ids.slice(start, start + 500);
}
