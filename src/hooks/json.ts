export type JsonObject = Record<string, unknown>;

/** What a backend's text says; `undefined` for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    // A byte-order mark is no JSON, and some servers send one.
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
}

/** How long a value is as JSON, in bytes of UTF-8; infinite where it is too deep to be written. */
export function jsonBytes(value: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(value) ?? '');
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Whether a value has more than so many levels of lists and objects. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((part) => isDeeperThan(part, levels - 1));
}
