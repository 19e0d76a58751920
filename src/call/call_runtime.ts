import type { Profiles } from '../config/profiles.ts';
import type { Settings } from '../config/settings.ts';

/** What a call process has ready before its call comes: loaded while it idles. */
export interface CallRuntime {
  settings: Settings;
  profiles: Profiles;
  /** The worker's ledger. */
  socketPath: string;
  spoolDir: string;
}
