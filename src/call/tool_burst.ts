/**
 * Lets the tools of one response that come together be committed together. Each appends, and answers
 * when its append is fsynced; sent one by one the second would wait for two commits, its own and the
 * one of the first that had just begun.
 *
 * ```
 * idle ── the model calls a tool ──► holding ── the response is complete, and all that it ──► idle
 *                                        │        called have run, or another one begins
 *                                        └─ after 3 ms the ledger lets go by itself
 * ```
 *
 * A tool that comes alone waits for next to nothing: the end of its response comes right behind it. One
 * that others follow waits for 3 ms where a real model writes their arguments one after the other, and
 * nobody for it: the model goes on when it has the results of all.
 */
export class ToolBurst {
  readonly #hold: () => () => void;
  readonly #called = new Set<string>();
  #release: (() => void) | undefined;
  /** Nothing more comes of this response. */
  #complete = true;

  /** @param hold `Ledger.hold` */
  constructor(hold: () => () => void) {
    this.#hold = hold;
  }

  /** Whatever event of the model's comes. */
  take(event: { type?: unknown; item?: unknown }): void {
    // What was called in vain, with arguments that fit nothing, never runs.
    if (event.type === 'response.created') this.#end();
    if (event.type === 'response.done') {
      this.#complete = true;
      this.#endIfOver();
    }
    if (event.type !== 'response.output_item.done') return;
    const { type, call_id: id } = (event.item ?? {}) as { type?: unknown; call_id?: unknown };
    if (type !== 'function_call' || typeof id !== 'string') return;
    this.#called.add(id);
    this.#complete = false;
    this.#release ??= this.#hold();
  }

  /** The tool has run as far as it does at once, its append included. */
  ran(toolCallId: string): void {
    this.#called.delete(toolCallId);
    this.#endIfOver();
  }

  #endIfOver(): void {
    if (this.#complete && this.#called.size === 0) this.#end();
  }

  #end(): void {
    this.#called.clear();
    this.#release?.();
    this.#release = undefined;
  }
}
