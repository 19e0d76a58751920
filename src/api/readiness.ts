import { isCallwireError } from '../errors.ts';
import type { CallStore, DeliveryStore } from '../store/store.ts';

/** One thing that has to work; it rejects where it does not. What it returns is shown. */
export interface ReadinessCheck {
  name: string;
  check(signal: AbortSignal): Promise<Record<string, number | string | null>>;
}

export interface Readiness {
  ready: boolean;
  checks: Record<string, { ok: boolean } & Record<string, number | string | boolean | null>>;
}

const CHECK_LIMIT_MS = 3_000;
/** Anybody may ask, so asking costs the database and LiveKit something only this often. */
const FRESH_FOR_MS = 2_000;

/** Asks all of them at once, each for at most 3 s; answers come from one asking for 2 s. */
export function readinessOf(checks: readonly ReadinessCheck[]): () => Promise<Readiness> {
  let last: { at: number; readiness: Promise<Readiness> } | undefined;
  return () => {
    const now = performance.now();
    if (!last || now - last.at > FRESH_FOR_MS) last = { at: now, readiness: judge(checks) };
    return last.readiness;
  };
}

async function judge(checks: readonly ReadinessCheck[]): Promise<Readiness> {
  const results = await Promise.all(checks.map(async (check) => [check.name, await run(check)]));
  const byName = Object.fromEntries(results) as Readiness['checks'];
  return { ready: Object.values(byName).every(({ ok }) => ok), checks: byName };
}

async function run({ check }: ReadinessCheck): Promise<Readiness['checks'][string]> {
  const limit = AbortSignal.timeout(CHECK_LIMIT_MS);
  const late = new Promise<never>((_, reject) => {
    limit.addEventListener('abort', () => reject(limit.reason), { once: true });
  });
  try {
    return { ok: true, ...(await Promise.race([check(limit), late])) };
  } catch (error) {
    const code = isCallwireError(error) ? error.code : undefined;
    return { ok: false, error: code ?? (limit.aborted ? 'timeout' : 'failed') };
  }
}

/** The database answers, and took what was last to be written: a full disk can still be read. */
export function databaseCheck(
  store: Pick<CallStore, 'lastPosition'>,
  writeFailure: () => unknown,
): ReadinessCheck {
  return {
    name: 'database',
    check: async () => {
      await store.lastPosition();
      const failure = writeFailure();
      if (failure !== null) throw failure;
      return {};
    },
  };
}

/**
 * How much waits to be delivered, and since when, is shown and judges nothing: one dead endpoint must
 * not take a worker out that answers calls. An alarm is the business of the metrics, which say the
 * same. What waits at a paused or disabled endpoint has no age: it waits as it was told to.
 */
export function deliveriesCheck(store: Pick<DeliveryStore, 'deliveryBacklog'>): ReadinessCheck {
  return {
    name: 'deliveries',
    check: async () => {
      const { waiting, oldestAt } = await store.deliveryBacklog();
      const age = oldestAt === null ? null : Math.max(0, Math.round((Date.now() - oldestAt) / 1e3));
      return { waiting, oldestWaitingSeconds: age };
    },
  };
}
