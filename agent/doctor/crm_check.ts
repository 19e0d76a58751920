import type { Settings } from '../../src/config/settings.ts';
import { HttpCrm } from '../../src/crm/http_crm.ts';
import type { Check } from './finding.ts';

/** A number of the range that is kept for fiction: nobody has it. */
const NOBODY = '+15550199999';

/** The CRM answers the question that it is asked while a phone rings. */
export function crmCheck({ crm, calls }: Settings): Check {
  return {
    name: 'crm',
    look: async (signal) => {
      if (crm.adapter === 'builtin') {
        return { status: 'ok', message: 'built in: contacts are in DATA_DIR' };
      }
      const { url = '', apiKey } = crm;
      const startedAt = performance.now();
      await new HttpCrm({ url, apiKey }).findByPhone(NOBODY, signal);
      const ms = Math.round(performance.now() - startedAt);
      if (ms > calls.contextBudgetMs) {
        return {
          status: 'warning',
          message: `${url} took ${ms} ms for a look-up, more than CONTEXT_BUDGET_MS`,
          remedy:
            'Callers are answered before their context is there: make it faster, or raise it.',
        };
      }
      return { status: 'ok', message: `${url} answers look-ups, ${ms} ms` };
    },
  };
}
