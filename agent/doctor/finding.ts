import { untilAborted } from '../../src/crm/until_aborted.ts';
import { isCallwireError } from '../../src/errors.ts';

/** One thing that was looked at, and what to do where it is not as it should be. */
export interface Finding {
  /** `livekit`, `model`, …: stable, for scripts. */
  check: string;
  /**
   * - `ok`       works
   * - `warning`  works, but not as one would wish or not for everybody
   * - `problem`  calls or events suffer until it is mended
   * - `skipped`  not looked at
   */
  status: 'ok' | 'warning' | 'problem' | 'skipped';
  message: string;
  remedy?: string;
}

/** What a check says of itself; its name is added to it. */
export type Observation = Omit<Finding, 'check'>;

export interface Check {
  name: string;
  /** The name of a check that must have found no problem, else this one is skipped. */
  needs?: string;
  /** Rejections become problems: those of a CallwireError with its remedy. */
  look(signal: AbortSignal): Promise<Observation | Observation[]>;
  /** (Default: 10 s) */
  limitMs?: number;
}

const LIMIT_MS = 10_000;

/**
 * Runs all checks at the same time, each for its limit at most, and gives their findings in the
 * order of the checks. `onDone` hears of each as it ends.
 */
export async function examine(
  checks: readonly Check[],
  onDone: (name: string) => void = () => {},
): Promise<Finding[]> {
  const running = new Map<string, Promise<Finding[]>>();
  for (const check of checks) {
    const { name, needs } = check;
    const before = needs === undefined ? undefined : running.get(needs);
    running.set(
      name,
      observe(check, before).then((observations) => {
        onDone(name);
        return observations.map((observation) => ({ check: name, ...observation }));
      }),
    );
  }
  return (await Promise.all(running.values())).flat();
}

async function observe(
  check: Check,
  before: Promise<Finding[]> | undefined,
): Promise<Observation[]> {
  if ((await before)?.some(({ status }) => status === 'problem' || status === 'skipped')) {
    return [{ status: 'skipped', message: `not looked at: first ${check.needs} has to work` }];
  }
  const limitMs = check.limitMs ?? LIMIT_MS;
  const limit = AbortSignal.timeout(limitMs);
  try {
    return [await untilAborted(check.look(limit), limit)].flat();
  } catch (error) {
    if (limit.aborted) {
      return [{ status: 'problem', message: `gave no answer within ${limitMs / 1_000} s` }];
    }
    return [problemOf(error)];
  }
}

/** Messages of errors that are not ours may quote anything: only their kind is told. */
export function problemOf(error: unknown): Observation {
  if (isCallwireError(error)) {
    const { message, remedy } = error;
    return { status: 'problem', message, ...(remedy === undefined ? {} : { remedy }) };
  }
  const code = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
  const name = error instanceof Error ? error.name : 'something that is no error';
  return { status: 'problem', message: `could not be looked at: ${name}${code}` };
}
