import { loadProfiles } from '../../src/config/profiles.ts';
import type { Settings } from '../../src/config/settings.ts';
import { checkHookSecrets } from '../../src/hooks/hook_secret.ts';
import type { Check } from './finding.ts';

export const AGENTS_CHECK = 'agents';

/** The agent profiles can be read, their hooks signed, and each of our numbers has one that answers. */
export function agentsCheck({ agentsDir, sip, webhookSecret }: Settings): Check {
  return {
    name: AGENTS_CHECK,
    look: async () => {
      const profiles = await loadProfiles(agentsDir);
      checkHookSecrets(profiles.all, { webhookSecret });
      const unanswered = sip.numbers.filter((number) => profiles.forNumber(number) === null);
      if (unanswered.length > 0) {
        return {
          status: 'problem',
          message: `no agent answers ${unanswered.join(', ')}`,
          remedy:
            'Add the number to `numbers` of a profile, or let one have none: it takes the rest.',
        };
      }
      return { status: 'ok', message: profiles.all.map(({ id }) => id).join(', ') };
    },
  };
}
