/**
 * Lets the tools of one response that come together be committed together. Each appends, and answers
 * when its append is fsynced; sent one by one the second would wait for two commits, its own and the
 * one of the first that had just begun.
 *
 * ```
 * idle ── the model calls a tool ──► holding ── all it called so far have run, or ──► idle
 *                                        │        it begins another response
 *                                        └─ after 3 ms the ledger lets go by itself
 * ```
 *
 * A tool that comes alone waits for nothing: it has run up to its append in the moment in which the
 * hold ends. The ones of a real model mostly come alone, for it writes their arguments one after the
 * other; several at once are what a network makes of it.
 */
export class ToolBurst {
  readonly #hold: () => () => void;
  readonly #called = new Set<string>();
  #release: (() => void) | undefined;

  /** @param hold `Ledger.hold` */
  constructor(hold: () => () => void) {
    this.#hold = hold;
  }

  /** Whatever event of the model's comes. */
  take(event: { type?: unknown; item?: unknown }): void {
    // What was called in vain, with arguments that fit nothing, never runs.
    if (event.type === 'response.created') this.#end();
    if (event.type !== 'response.output_item.done') return;
    const { type, call_id: id } = (event.item ?? {}) as { type?: unknown; call_id?: unknown };
    if (type !== 'function_call' || typeof id !== 'string') return;
    this.#called.add(id);
    this.#release ??= this.#hold();
  }

  /** The tool has run as far as it does at once, its append included. */
  ran(toolCallId: string): void {
    this.#called.delete(toolCallId);
    if (this.#called.size === 0) this.#end();
  }

  #end(): void {
    this.#called.clear();
    this.#release?.();
    this.#release = undefined;
  }
}
