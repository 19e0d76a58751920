import { toE164 } from '../config/phone_number.ts';
import type { Profile } from '../config/profile.ts';

/**
 * Where a start hook's `forward` leads, as a URI for a REFER; `null` where it may not go. It may go to
 * the transfers of the profile, by their name or their URI, and to what begins as one of `may_forward`
 * does: else whoever controls a backend's answer could have calls put through to numbers that cost.
 */
export function forwardTarget(
  profile: Pick<Profile, 'transfers' | 'hooks'>,
  wanted: string,
): string | null {
  const named = Object.hasOwn(profile.transfers, wanted) ? profile.transfers[wanted] : undefined;
  if (named) return named.to;
  const uri = asUri(wanted);
  if (uri === null) return null;
  const destinations = Object.values(profile.transfers).map(({ to }) => to);
  if (destinations.includes(uri)) return uri;
  const allowed = profile.hooks?.mayForward.some((entry) => isWithin(uri, entry));
  return allowed ? uri : null;
}

/** A host stands at the end of a SIP URI, so only a number may go on behind what is allowed. */
function isWithin(uri: string, entry: string): boolean {
  if (!uri.startsWith('tel:')) return uri === entry || uri.startsWith(`${entry};`);
  return uri.startsWith(entry.startsWith('+') ? `tel:${entry}` : entry);
}

/** A number becomes `tel:+…`, whole and normalised, so that no prefix is fooled by its spelling. */
function asUri(wanted: string): string | null {
  // It becomes a SIP header, so nothing that could end one.
  if (/^sips?:[\x21-\x7e]+$/.test(wanted)) return /[<>"\\,]/.test(wanted) ? null : wanted;
  const number = toE164(wanted.replace(/^tel:/, ''));
  return number && `tel:${number}`;
}
