import type { HookRule } from '../config/profile.ts';
import type { HookTarget } from './hook_post.ts';

/**
 * How far a URL of a hook is trusted. What stands in the profile is the operator's own: it may be
 * private and plain http, and is signed. So is what a start hook names on its own origin, or on one of
 * `allowed_origins`. Any other URL of its could lead anywhere that this machine reaches (SSRF): it is
 * dialled under the guard of endpoints that the API makes, and no secret signs for it.
 */
export function hookTarget(rule: HookRule, url: string, secret: string): HookTarget {
  const parsed = new URL(url);
  return isTrusted(rule, parsed)
    ? { url: parsed, reach: 'operator', secret }
    : { url: parsed, reach: 'guarded', secret: null };
}

function isTrusted(rule: HookRule, url: URL): boolean {
  const own = [rule.onCallStart, rule.onToolCall, rule.onCallEnd];
  return (
    own.some((text) => text !== undefined && new URL(text).href === url.href) ||
    url.origin === new URL(rule.onCallStart).origin ||
    rule.allowedOrigins.includes(url.origin)
  );
}
