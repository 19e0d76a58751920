import type { Profiles } from '../config/profiles.ts';
import type { Settings } from '../config/settings.ts';

/** What a call process has ready before its call comes: loaded while it idles. */
export interface CallRuntime {
  settings: Settings;
  /** As they were when the process became warm: a call asks for those of now (`CallProfiles`). */
  profiles: Profiles;
  /** The worker's ledger. */
  socketPath: string;
  spoolDir: string;
}
