import type { Transaction } from 'kysely';
import { CallwireError } from '../errors.ts';
import { type AppendOptions, appendBatch } from './append.ts';
import { judgeEndpoint, markHealthy } from './endpoint_health.ts';
import { settleJob } from './jobs.ts';
import { isPlainSuccess, settlePlainSuccesses } from './plain_successes.ts';
import type { Tables } from './schema.ts';
import type { Append, AppendResult, Settlement } from './store.ts';

export interface SettlementOptions extends AppendOptions {
  /** An endpoint that has only failed for this long is disabled. Milliseconds. */
  endpointDisableAfterMs: number;
}

/**
 * Writes results inside `trx`: plain successes together, the others one by one, for what each
 * appends depends on whether its claim held; what they append goes as one batch. Returns whether there
 * is more to do now: new jobs, or those that waited behind one of these.
 */
export async function settleJobs(
  trx: Transaction<Tables>,
  settlements: readonly Settlement[],
  options: SettlementOptions,
): Promise<boolean> {
  let moreToDo = false;
  const appends: Append[] = [];
  for (const settlement of settlements) {
    if (isPlainSuccess(settlement)) continue;
    const now = options.clock();
    const job = await settleJob(trx, settlement, now);
    if (job === null) continue;
    moreToDo ||= job.unblocked;
    if (settlement.append !== undefined) appends.push(settlement.append);
    if (settlement.counts !== false) {
      const disableAfterMs = options.endpointDisableAfterMs;
      const disabled = await judgeEndpoint(trx, job, settlement, { now, disableAfterMs });
      if (disabled !== null) appends.push({ callId: null, events: [disabled] });
    }
  }
  if (appends.length > 0) {
    const appended = await appendBatch(trx, appends, options);
    for (const result of appended.results) refuseUnlessAppended(result);
    moreToDo ||= appended.firstDueAt !== null;
  }
  // Last, so that of an endpoint whose results of one moment differ the success counts.
  const now = options.clock();
  const done = await settlePlainSuccesses(trx, settlements.filter(isPlainSuccess), now);
  const healthy = done.filter(({ kind }) => kind === 'webhook').map(({ target }) => target);
  for (const target of new Set(healthy)) await markHealthy(trx, target, now);
  return moreToDo || done.some(({ unblocked }) => unblocked);
}

function refuseUnlessAppended(result: AppendResult): void {
  if (result.status === 'appended') return;
  const reason = result.status === 'fenced' ? 'fenced' : `${result.code}: ${result.message}`;
  throw new CallwireError('STORE_APPEND_REFUSED', `A settlement's append was refused (${reason})`);
}
