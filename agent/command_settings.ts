import { applyDotEnv } from '../src/config/dot_env.ts';
import { type LoadSettingsOptions, loadSettings, type Settings } from '../src/config/settings.ts';

/**
 * The settings of a command, of which `.env` is part. It comes into the environment too, for what is read
 * from there: the secrets that profiles name, the credentials of a bucket, the log level. Throws
 * `CONFIG_INVALID`.
 */
export function commandSettings(options?: Pick<LoadSettingsOptions, 'mode'>): Settings {
  applyDotEnv();
  return loadSettings(options);
}
