import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Profile } from './profile.ts';
import { type ProfileSource, type Profiles, profilesFrom, readProfiles } from './profiles.ts';

export interface LiveProfilesOptions {
  dir: string;
  log: Pick<Logger, 'info' | 'error'>;
  /** Throws where what the profiles say cannot be used for a reason outside of them. (Default: never) */
  check?: (profiles: Profiles) => void;
}

/**
 * The agents as their files are now. A change is taken as a whole, or not at all:
 *
 * ```
 * in use ── a file is another ──► read ──┬─ all in order ──► in use, for the calls from then on
 *    ▲                                   └─ something wrong: said once, with file, line and key
 *    └──────────────── the ones before stay ───────────────┘
 * ```
 *
 * Nothing watches the folder: whoever needs the profiles of a call looks (`refresh`), for watching is not to
 * be had on network file systems, and a look costs a `stat` for each file.
 */
export class LiveProfiles implements Profiles {
  readonly #options: LiveProfilesOptions;
  #current: Profiles;
  #sources: readonly ProfileSource[];
  /** Of the files as they were when they were looked at last, in order or not. */
  #seen: string;
  /** What was found there could not be used, and that was said. */
  #wrong = false;
  #looking: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  private constructor(
    options: LiveProfilesOptions,
    read: { profiles: Profiles; sources: readonly ProfileSource[]; seen: string },
  ) {
    this.#options = options;
    this.#current = read.profiles;
    this.#sources = read.sources;
    this.#seen = read.seen;
  }

  /** @throws `PROFILE_INVALID`, and whatever `check` does: at the start there are none before. */
  static async load(options: LiveProfilesOptions): Promise<LiveProfiles> {
    const seen = await lookOf(options.dir);
    const sources = await readProfiles(options.dir);
    const profiles = profilesFrom(sources);
    options.check?.(profiles);
    return new LiveProfiles(options, { profiles, sources, seen });
  }

  get version(): string {
    return this.#current.version;
  }

  get all(): readonly Profile[] {
    return this.#current.all;
  }

  forNumber(dialled: string): Profile | null {
    return this.#current.forNumber(dialled);
  }

  /** What the profiles in use were read from. */
  get sources(): readonly ProfileSource[] {
    return this.#sources;
  }

  /**
   * Takes what has changed until now. Never rejects. A look that is under way may have passed a file that
   * was written since: whoever asks meanwhile gets the next one.
   */
  refresh(): Promise<void> {
    if (!this.#looking) return this.#begin();
    this.#next ??= this.#looking.then(() => this.#looking ?? this.#begin());
    return this.#next;
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { dir, log, check } = this.#options;
    const seen = await lookOf(dir);
    if (seen === this.#seen) return;
    this.#seen = seen;
    try {
      const sources = await readProfiles(dir);
      const profiles = profilesFrom(sources);
      check?.(profiles);
      const agents = profiles.all.map(({ id }) => id);
      const wasWrong = this.#wrong;
      this.#wrong = false;
      if (profiles.version === this.version) {
        if (wasWrong)
          log.info({ agents }, 'the agent profiles are in order again, and the same as before');
        return;
      }
      this.#current = profiles;
      this.#sources = sources;
      log.info({ agents }, 'changed agent profiles are in use');
    } catch (error) {
      this.#wrong = true;
      log.error({ err: error }, 'changed agent profiles are wrong: the ones before stay in use');
    }
  }
}

/** Which files there are, and when each was changed last. */
async function lookOf(dir: string): Promise<string> {
  try {
    const names = (await readdir(dir)).filter((name) => /\.ya?ml$/.test(name)).sort();
    const looks = names.map(async (name) => {
      const { mtimeNs, size, ino } = await stat(join(dir, name), { bigint: true });
      return `${name} ${mtimeNs} ${size} ${ino}`;
    });
    return (await Promise.all(looks)).join('\n');
  } catch (error) {
    // Said when it is read.
    return `unreadable: ${(error as NodeJS.ErrnoException).code}`;
  }
}
