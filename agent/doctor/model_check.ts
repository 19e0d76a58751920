import { z } from 'zod';
import { loadProfiles } from '../../src/config/profiles.ts';
import type { Settings } from '../../src/config/settings.ts';
import { bearer, errorCode } from '../../src/crm/http_exchange.ts';
import type { Check, Observation } from './finding.ts';

const ListSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/** The model's server answers, takes the key, and knows the models of the agents. */
export function modelCheck({ openai, agentsDir }: Settings): Check {
  return {
    name: 'model',
    look: async (signal) => {
      if (!openai.apiKey) {
        return {
          status: 'problem',
          message: 'OPENAI_API_KEY is not set',
          remedy: 'Set it in .env. To see Callwire without a key: npm run demo',
        };
      }
      let answer: Response;
      try {
        answer = await fetch(`${openai.baseUrl}/models`, {
          headers: bearer(openai.apiKey),
          redirect: 'manual',
          signal,
        });
      } catch (error) {
        signal.throwIfAborted();
        const code = error instanceof Error ? errorCode(error.cause) : undefined;
        return {
          status: 'problem',
          message: `${openai.baseUrl} cannot be reached${code ? ` (${code})` : ''}`,
          remedy: 'Check OPENAI_BASE_URL, and that this machine may reach it.',
        };
      }
      if (!answer.ok) {
        await answer.body?.cancel();
        return refused(openai.baseUrl, answer.status);
      }
      return await known(answer, openai.baseUrl, agentsDir);
    },
  };
}

function refused(url: string, status: number): Observation {
  if (status === 401 || status === 403) {
    return {
      status: 'problem',
      message: `${url} refuses the key (${status})`,
      remedy: 'Check OPENAI_API_KEY: a key of another project, or one that was revoked.',
    };
  }
  if (status === 429) {
    return {
      status: 'problem',
      message: `${url} takes no requests of this key now (429)`,
      remedy: 'Look at the limits and the credit of the account.',
    };
  }
  if (status === 404) {
    return {
      status: 'warning',
      message: `${url} answers, but has no list of models (404)`,
      remedy:
        'Check OPENAI_BASE_URL: it ends where /realtime and /chat/completions are put behind it.',
    };
  }
  return { status: 'problem', message: `${url}/models answers ${status}` };
}

async function known(answer: Response, url: string, agentsDir: string): Promise<Observation> {
  const list = ListSchema.safeParse(await answer.json().catch(() => null));
  const ids = new Set(list.data?.data.map(({ id }) => id));
  // A server of one's own may list nothing; the check of the agents tells what is wrong with them.
  const profiles = await loadProfiles(agentsDir).catch(() => null);
  const missing = profiles?.all.filter(({ model }) => ids.size > 0 && !ids.has(model)) ?? [];
  if (missing.length === 0) return { status: 'ok', message: `${url} takes the key` };
  const named = missing.map(({ id, model }) => `${model} (${id})`).join(', ');
  return {
    status: 'problem',
    message: `${url} takes the key, but does not list ${named}`,
    remedy: 'Correct `model` in the profile, or ask for access to it.',
  };
}
