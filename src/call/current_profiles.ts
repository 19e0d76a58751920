import type { Logger } from 'pino';
import { z } from 'zod';
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

/** How long the worker's answer may hold up a call that has profiles already. */
const LIMIT_MS = 500;

/** Those of now, or the known ones where the worker does not say. Rejects only with the call's end. */
export async function freshProfiles(
  ledger: Pick<LedgerClient, 'request'>,
  known: Profiles,
  { signal, log }: { signal: AbortSignal; log: Logger },
): Promise<Profiles> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
    return await currentProfiles(ledger, known, limit);
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ err: error }, 'the worker did not say which profiles are in use');
    return known;
  }
}
