/** Short forms a sender may use for long names (RFC 3261 7.3.3, and the RFCs of the fields). */
const COMPACT: Record<string, string> = {
  b: 'referred-by',
  c: 'content-type',
  e: 'content-encoding',
  f: 'from',
  i: 'call-id',
  k: 'supported',
  l: 'content-length',
  m: 'contact',
  o: 'event',
  r: 'refer-to',
  s: 'subject',
  t: 'to',
  u: 'allow-events',
  v: 'via',
  x: 'session-expires',
};

/** Fields whose values may share a line, separated by commas. Digest fields also have commas: not lists. */
const LISTS = new Set(['via', 'route', 'record-route', 'contact', 'allow', 'supported', 'require']);

function keyOf(name: string): string {
  const lower = name.toLowerCase();
  return COMPACT[lower] ?? lower;
}

/** Splits at commas that stand neither in quotes nor in angle brackets. */
function splitList(value: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  let bracketed = false;
  for (let i = 0; i < value.length; i++) {
    const c = value[i];
    if (quoted && c === '\\') i++;
    else if (c === '"') quoted = !quoted;
    else if (c === '<' && !quoted) bracketed = true;
    else if (c === '>' && !quoted) bracketed = false;
    else if (c === ',' && !quoted && !bracketed) {
      parts.push(value.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(value.slice(start).trim());
  return parts.filter((part) => part !== '');
}

/** Header fields in their order; names are compared without case and in either length. */
export class SipHeaders {
  #fields: Array<{ name: string; key: string; value: string }> = [];

  constructor(fields: Iterable<readonly [string, string]> = []) {
    for (const [name, value] of fields) this.add(name, value);
  }

  /** The first field of that name, as it was written. */
  get(name: string): string | undefined {
    const key = keyOf(name);
    return this.#fields.find((field) => field.key === key)?.value;
  }

  /** Every value of that name, from all its lines. */
  all(name: string): string[] {
    const key = keyOf(name);
    const values = this.#fields.filter((field) => field.key === key).map((field) => field.value);
    return LISTS.has(key) ? values.flatMap(splitList) : values;
  }

  add(name: string, value: string): this {
    this.#fields.push({ name, key: keyOf(name), value });
    return this;
  }

  *[Symbol.iterator](): Iterator<[string, string]> {
    for (const { name, value } of this.#fields) yield [name, value];
  }
}
