/** How a target has been doing lately; times in milliseconds since the epoch. */
export interface Health {
  /** The first failure since the last success: the failure age counts from here. */
  failingSince: number | null;
  failures: number;
  lastSuccessAt: number | null;
  lastError: string | null;
}

/**
 * Health by key. In memory: it is worth a log line and a word of the doctor, and it is known again
 * after one attempt.
 */
export class TargetHealth {
  readonly #targets = new Map<string, Health>();

  succeeded(key: string, at: number): void {
    this.#targets.set(key, { failingSince: null, failures: 0, lastSuccessAt: at, lastError: null });
  }

  failed(key: string, at: number, error: string): void {
    const before = this.#targets.get(key);
    this.#targets.set(key, {
      failingSince: before?.failingSince ?? at,
      failures: (before?.failures ?? 0) + 1,
      lastSuccessAt: before?.lastSuccessAt ?? null,
      lastError: error,
    });
  }

  get(key: string): Health | null {
    return this.#targets.get(key) ?? null;
  }

  all(): ReadonlyMap<string, Health> {
    return this.#targets;
  }
}
