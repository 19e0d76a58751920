import type { EventEmitter } from 'node:events';

/** How often a condition is looked at that tells nobody when it changes. */
const LOOK_EVERY_MS = 50;

/**
 * Resolves with the first value of `check` that is neither `undefined`, `null` nor `false`, looked
 * at on every `change` of an emitter and every 50 ms. Rejects at the deadline, and says what for.
 */
export async function waitFor<T>(
  check: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  options: { what: string; deadlineMs?: number; on?: EventEmitter },
): Promise<T> {
  const { what, deadlineMs = 30_000, on } = options;
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== null && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain for ${what}`);
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        on?.off('change', done);
        resolve();
      };
      const timer = setTimeout(done, LOOK_EVERY_MS);
      on?.once('change', done);
    });
  }
}
