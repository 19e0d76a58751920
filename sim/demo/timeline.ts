import { type Style, styled } from './terminal.ts';

export type Source = 'phone' | 'worker' | 'agent' | 'caller' | 'tool' | 'crm' | 'event';

export interface TimelineEntry {
  /** Milliseconds since the epoch, by this machine's clock: phone, worker and backend share it. */
  at: number;
  /** `call_…`; of entries that name no call (the CRM's), the last call that began. */
  call?: string | undefined;
  source: Source;
  text: string;
}

/**
 * How long an entry waits for those that happened before it. A line of the worker's log or a row of
 * the ledger is here within 200 ms; nobody who watches notices so little.
 */
const SETTLE_MS = 400;

const STYLES: Record<Source, Style> = {
  phone: 'cyan',
  worker: 'magenta',
  agent: 'green',
  caller: 'yellow',
  tool: 'blue',
  crm: 'magenta',
  event: 'dim',
};

interface Origin {
  number: number;
  at: number;
}

/**
 * Prints what happens, from all sources, in the order in which it happened and with the time since
 * its call began. The calls after the first carry their number.
 */
export class Timeline {
  readonly #print: (line: string) => void;
  readonly #settleMs: number;
  readonly #origins = new Map<string, Origin>();
  #waiting: TimelineEntry[] = [];
  #latest: Origin | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(print: (line: string) => void, settleMs = SETTLE_MS) {
    this.#print = print;
    this.#settleMs = settleMs;
  }

  /** A call begins; `id` may become known later, with `name`. */
  begin(at: number, id?: string): void {
    this.#latest = { number: (this.#latest?.number ?? 0) + 1, at };
    if (id) this.name(id);
  }

  /** The last call that began is this one. */
  name(id: string): void {
    if (this.#latest) this.#origins.set(id, this.#latest);
  }

  add(entry: TimelineEntry): void {
    const later = this.#waiting.findIndex(({ at }) => at > entry.at);
    this.#waiting.splice(later < 0 ? this.#waiting.length : later, 0, entry);
    this.#timer ??= setTimeout(() => this.#flush(), this.#settleMs);
  }

  /** Prints everything now. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const entry of this.#waiting.splice(0)) this.#printOne(entry);
  }

  #flush(): void {
    const before = Date.now() - this.#settleMs;
    this.#timer = undefined;
    while (this.#waiting[0] && this.#waiting[0].at <= before) {
      this.#printOne(this.#waiting.shift() as TimelineEntry);
    }
    const next = this.#waiting[0];
    if (next) this.#timer = setTimeout(() => this.#flush(), Math.max(1, next.at - before));
  }

  #printOne({ at, call, source, text }: TimelineEntry): void {
    const origin = (call === undefined ? undefined : this.#origins.get(call)) ?? this.#latest;
    const sinceMs = Math.max(0, at - (origin?.at ?? at));
    const seconds = (sinceMs / 1_000).toFixed(3).padStart(8);
    const tag = origin && origin.number > 1 ? ` call ${origin.number}` : '';
    this.#print(`${seconds}  ${styled(STYLES[source], source.padEnd(6))}${tag}  ${text}`);
  }
}
