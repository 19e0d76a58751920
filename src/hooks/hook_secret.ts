import type { Profile } from '../config/profile.ts';
import { CallwireError } from '../errors.ts';
import { decodeSecret } from '../events/signatures.ts';

export interface HookSecretSource {
  /** The setting WEBHOOK_SECRET. */
  webhookSecret: string | undefined;
  /** (Default: the process's) */
  env?: NodeJS.ProcessEnv;
}

/**
 * The secret that signs the hooks of a profile, from the variable that it names, else WEBHOOK_SECRET.
 *
 * @throws `HOOK_SECRET_MISSING` or `SIGNATURE_SECRET_INVALID`: nothing is sent unsigned, for an unsigned
 * request could be anybody's.
 */
export function hookSecret(profile: Pick<Profile, 'id' | 'hooks'>, from: HookSecretSource): string {
  const name = profile.hooks?.secretEnv;
  const secret = name === undefined ? from.webhookSecret : (from.env ?? process.env)[name];
  if (!secret) {
    throw new CallwireError(
      'HOOK_SECRET_MISSING',
      `The hooks of agent ${profile.id} have no secret: ${name ?? 'WEBHOOK_SECRET'} is not set.`,
      { remedy: `Set ${name ?? 'WEBHOOK_SECRET, or hooks.secret_env in the profile'}.` },
    );
  }
  decodeSecret(secret);
  return secret;
}

/** For the start: throws what `hookSecret` does for the first profile whose hooks could not be signed. */
export function checkHookSecrets(profiles: readonly Profile[], from: HookSecretSource): void {
  for (const profile of profiles) {
    if (profile.hooks) hookSecret(profile, from);
  }
}
