import type { SecretBox } from '../config/secret_box.ts';
import { isCallwireError } from '../errors.ts';
import type { EndpointStore, Sealed } from '../store/endpoint_store.ts';

const PAGE = 500;

/**
 * Seals with the current key what was sealed with a previous one, so that the previous one can be
 * forgotten. Belongs to a start. `unreadable` counts the secrets that no key opens: deliveries to
 * their endpoints wait until the key is back or the secret is rotated.
 */
export async function resealSecrets(
  store: Pick<EndpointStore, 'listEndpoints' | 'resealSecrets'>,
  secrets: SecretBox,
): Promise<{ resealed: number; unreadable: number }> {
  const replacements: Record<Sealed, Sealed> = {};
  let unreadable = 0;
  const reseal = (sealed: Sealed | null) => {
    if (sealed === null || secrets.isCurrent(sealed)) return;
    try {
      replacements[sealed] = secrets.seal(secrets.open(sealed));
    } catch (error) {
      if (!isCallwireError(error) || error.code !== 'SECRET_UNREADABLE') throw error;
      unreadable += 1;
    }
  };
  for (let before: string | undefined; ; ) {
    const page = await store.listEndpoints({ limit: PAGE, ...(before && { before }) });
    for (const { secret, previousSecret } of page) {
      reseal(secret);
      reseal(previousSecret);
    }
    before = page.at(-1)?.id;
    if (page.length < PAGE) break;
  }
  const none = Object.keys(replacements).length === 0;
  return { resealed: none ? 0 : await store.resealSecrets(replacements), unreadable };
}
