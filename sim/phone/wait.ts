import { CallwireError } from '../../src/errors.ts';

/**
 * Waits until `check` gives something other than undefined; it is asked now, at each wake-up and
 * every 50 ms, which covers conditions that become true by time alone. What `check` throws is
 * thrown; so is the signal's reason; PHONE_WAIT_EXPIRED comes at the deadline.
 */
export async function waitUntil<T>(wait: {
  /** Named in the error: "no <what> within 5000 ms". */
  what: string;
  check: () => T | undefined;
  /** Registers a wake-up and returns how to take it back. */
  subscribe: (wake: () => void) => () => void;
  deadlineMs: number;
  signal: AbortSignal | undefined;
}): Promise<T> {
  wait.signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const ask = (): void => {
    try {
      const found = wait.check();
      if (found !== undefined) resolve(found);
    } catch (error) {
      reject(error);
    }
  };
  const onAbort = (): void => reject(wait.signal?.reason);
  const unsubscribe = wait.subscribe(ask);
  const poll = setInterval(ask, 50);
  const deadline = setTimeout(() => {
    reject(
      new CallwireError('PHONE_WAIT_EXPIRED', `no ${wait.what} within ${wait.deadlineMs} ms`, {
        retryable: true,
      }),
    );
  }, wait.deadlineMs);
  wait.signal?.addEventListener('abort', onAbort, { once: true });
  ask();
  try {
    return await promise;
  } finally {
    unsubscribe();
    clearInterval(poll);
    clearTimeout(deadline);
    wait.signal?.removeEventListener('abort', onAbort);
  }
}
