import type { Agent } from 'undici';
import type { Profile } from '../../src/config/profile.ts';
import { loadProfiles } from '../../src/config/profiles.ts';
import type { Settings } from '../../src/config/settings.ts';
import { errorCode } from '../../src/delivery/attempt_error.ts';
import { createReachAgents } from '../../src/delivery/reach_agents.ts';
import { USER_AGENT } from '../../src/delivery/user_agent.ts';
import { AGENTS_CHECK } from './agents_check.ts';
import type { Check, Observation } from './finding.ts';

const CONNECT_LIMIT_MS = 5_000;
/** For one URL; all are tried at once. */
const ANSWER_LIMIT_MS = 8_000;

/**
 * The hook URLs of the profiles lead to something that answers: asked by an unsigned HEAD, which starts
 * no call there, the same way and under the same guard as calls ask. Whatever answers HEAD with
 * an error of its own (most backends know only POST) is there.
 */
export function hooksCheck({ agentsDir, delivery }: Settings): Check {
  return {
    name: 'hooks',
    needs: AGENTS_CHECK,
    look: async (signal) => {
      const { all } = await loadProfiles(agentsDir);
      const { allowNetworks, proxy } = delivery;
      const agents = createReachAgents({
        allowNetworks,
        proxy,
        connectTimeoutMs: CONNECT_LIMIT_MS,
      });
      try {
        const tries = [...hookUrls(all)].map(([url, keys]) =>
          tryOut(agents.operator, { url: new URL(url), keys, signal }),
        );
        return await Promise.all(tries);
      } finally {
        await Promise.all([agents.operator.destroy(), agents.guarded.destroy()]);
      }
    },
  };
}

/** Each URL once, and where it is written: `on_call_start of front-desk`. */
function hookUrls(profiles: readonly Profile[]): Map<string, string[]> {
  const urls = new Map<string, string[]>();
  for (const { id, hooks } of profiles) {
    if (!hooks) continue;
    const { onCallStart, onToolCall, onCallEnd } = hooks;
    const written = {
      on_call_start: onCallStart,
      on_tool_call: onToolCall,
      on_call_end: onCallEnd,
    };
    for (const [key, url] of Object.entries(written)) {
      if (url !== undefined) urls.set(url, [...(urls.get(url) ?? []), `${key} of ${id}`]);
    }
  }
  return urls;
}

async function tryOut(
  agent: Agent,
  { url, keys, signal }: { url: URL; keys: readonly string[]; signal: AbortSignal },
): Promise<Observation> {
  // A query may hold a token.
  const where = `${url.origin}${url.pathname} (${keys.join(', ')})`;
  try {
    const { statusCode, body } = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'HEAD',
      headers: { 'User-Agent': USER_AGENT },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]),
    });
    await body.dump();
    return answered(where, statusCode);
  } catch (error) {
    signal.throwIfAborted();
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    const code = isLate ? 'timeout' : errorCode(error);
    return {
      status: 'problem',
      message: `${where} cannot be reached (${code})`,
      remedy: REMEDIES[code] ?? 'Check the URL in the profile, and that the backend is running.',
    };
  }
}

/** What 404 or 405 says of HEAD it does not say of POST. */
function answered(where: string, status: number): Observation {
  if (status >= 300 && status < 400) {
    return {
      status: 'warning',
      message: `${where} answers ${status}, and redirects are not followed`,
      remedy: 'Write the address that it redirects to into the profile.',
    };
  }
  if (status >= 502 && status <= 504) {
    return {
      status: 'problem',
      message: `${where} answers ${status}: what stands before the backend does not reach it`,
      remedy: 'Check that the backend is running.',
    };
  }
  return { status: 'ok', message: `${where} answers` };
}

const REMEDIES: Readonly<Record<string, string>> = {
  name_not_resolved: 'Check the host in the profile, and the DNS of this machine.',
  connection_refused: 'Start the backend, or correct the port in the profile.',
  certificate: 'Give the backend a certificate of its host that this machine trusts.',
  tls: 'Nothing speaks TLS there: check the port, and https, in the profile.',
  address_refused: 'Addresses where clouds keep credentials are never called.',
  proxy_unreachable: 'Check DELIVERY_PROXY.',
  proxy_auth: 'Check the login in DELIVERY_PROXY.',
  proxy_failed: 'Check DELIVERY_PROXY.',
  timeout: 'Check that this machine may reach it; a call waits 10 s at most for a start hook.',
};
