import type { CallStore } from '../store/store.ts';

/**
 * Whether the ledger knows of a transfer that has not failed: the REFER may be pending, or the leg is
 * about to go. Read from outside the call's process, which alone knows it better.
 */
export async function transferUnderWay(
  store: Pick<CallStore, 'listCallEvents' | 'listFacts'>,
  callId: string,
): Promise<boolean> {
  const [events, facts] = await Promise.all([
    store.listCallEvents(callId),
    store.listFacts(callId),
  ]);
  const begun = facts.filter(({ kind, data }) => {
    const { status } = (data.result ?? {}) as { status?: unknown };
    return kind === 'tool_result' && status === 'transferring';
  });
  const failed = events.filter(({ type }) => type === 'call.transfer_failed');
  return begun.length > failed.length;
}
