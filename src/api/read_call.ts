import type { z } from 'zod';
import type { CallRecord } from '../store/store.ts';
import type { ApiOptions } from './api_options.ts';
import { type ShownCall, shownCall } from './shown_call.ts';

/** A call with what lies beside its row: its events, and a fresh URL of its recording. */
export async function readCall(
  { store, recordings }: Pick<ApiOptions, 'store' | 'recordings'>,
  call: CallRecord,
): Promise<z.infer<typeof ShownCall>> {
  const reported = call.providerCallId !== null;
  const [events, recording, facts] = await Promise.all([
    store.listCallEvents(call.id),
    recordings.links.of(call.id),
    reported ? store.listFacts(call.id) : [],
  ]);
  return shownCall(call, { events, facts, recording });
}
