import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Profile } from '../config/profile.ts';
import { type ProfileSource, type Profiles, profilesFrom } from '../config/profiles.ts';
import type { LedgerClient } from '../ledger/client.ts';
import type { RequestHandlers } from '../ledger/host_session.ts';

/*
 * The profiles that a call is answered by. A call process is made long before its call, and may find a file
 * broken that its worker has had in order before: so it takes them from the worker, which looks at the
 * files anew each time it is asked.
 */

const CURRENT = 'profiles.current';

const question = z.object({ version: z.string().nullable() });
const answer = z.object({
  /** `null`: those that were asked with. */
  sources: z.array(z.object({ path: z.string(), text: z.string() })).nullable(),
});

/** The worker's: `LiveProfiles` fits. */
export interface LookedAtProfiles extends Profiles {
  readonly sources: readonly ProfileSource[];
  refresh(): Promise<void>;
}

/** What the worker registers with the ledger's host. */
export function profileRequests(profiles: LookedAtProfiles): RequestHandlers {
  return {
    [CURRENT]: async (params) => {
      const { version } = question.parse(params);
      await profiles.refresh();
      return { sources: version === profiles.version ? null : profiles.sources };
    },
  };
}

/** Asks for them. Rejects where nobody answers, or with the reason of `signal`. */
export async function currentProfiles(
  ledger: Pick<LedgerClient, 'request'>,
  known: Profiles | null,
  signal: AbortSignal,
): Promise<Profiles> {
  const params = { version: known?.version ?? null };
  const { sources } = answer.parse(await ledger.request(CURRENT, params, signal));
  if (sources !== null) return profilesFrom(sources);
  if (known === null) throw new Error('the worker has no other profiles than none');
  return known;
}

export interface ProfileLimits {
  /** How long the worker's answer may hold up a call that has an agent already. (Default: 5 s) */
  withAgentMs: number;
  /** And one that has none, and would be turned away: the phone may ring on. (Default: 10 s) */
  withoutAgentMs: number;
}

const LIMITS: ProfileLimits = { withAgentMs: 5_000, withoutAgentMs: 10_000 };

/**
 * The profiles of a call whose phone rings: those of now, or the known ones where the worker does not say
 * in time. A busy machine is no reason to turn a caller away, or to give them the agent of before: half a
 * second was not enough on two cores with three installations. A worker that is dead is known at once, and
 * one that hangs is given no calls, so hardly anybody ever waits for as long as this.
 */
export class CallProfiles {
  readonly #known: Profiles;
  readonly #signal: AbortSignal;
  readonly #log: Logger;
  readonly #limits: ProfileLimits;
  readonly #startedAt = performance.now();
  /** `null`: the worker cannot say. */
  readonly #fresh: Promise<Profiles | null>;

  /** Asks at once, so that what comes before `agent` costs nothing more. */
  constructor(
    ledger: Pick<LedgerClient, 'request'>,
    known: Profiles,
    { signal, log, limits = LIMITS }: { signal: AbortSignal; log: Logger; limits?: ProfileLimits },
  ) {
    this.#limits = limits;
    this.#known = known;
    this.#signal = signal;
    this.#log = log;
    this.#fresh = currentProfiles(ledger, known, signal).catch((error: unknown) => {
      if (!signal.aborted)
        log.warn({ err: error }, 'the worker did not say which profiles are in use');
      return null;
    });
  }

  /** The one that is looked for, `null` where there is none. Rejects only with the call's end. */
  async agent(find: (profiles: Profiles) => Profile | null): Promise<Profile | null> {
    const known = find(this.#known);
    const { withAgentMs, withoutAgentMs } = this.#limits;
    const fresh = await this.#within(known === null ? withoutAgentMs : withAgentMs);
    this.#signal.throwIfAborted();
    return fresh === null ? known : find(fresh);
  }

  async #within(limitMs: number): Promise<Profiles | null> {
    const late = new AbortController();
    const leftMs = Math.max(0, limitMs - (performance.now() - this.#startedAt));
    const over = sleep(leftMs, 'late' as const, { signal: late.signal }).catch(() => null);
    const first = await Promise.race([this.#fresh, over]);
    late.abort();
    if (first !== 'late') return first;
    this.#log.warn(
      { waited_ms: limitMs },
      'the worker did not say in time which profiles are in use',
    );
    return null;
  }
}
