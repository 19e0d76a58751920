import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { signRequest } from '../../src/events/signatures.ts';
import { newId } from '../../src/ids.ts';
import type { Store } from '../../src/store/store.ts';
import { BenchProcess } from '../bench_process.ts';
import type { PostOrder, PostReport, SignedRequest } from './bare_poster.ts';
import { SECRET } from './record_under_load.ts';

const PAGE = 1_000;

/** The bare loop with the first `count` events of the store, signed now. */
export async function startBarePoster(
  folder: string,
  store: Pick<Store, 'eventsAfter'>,
  count: number,
): Promise<BenchProcess<PostOrder, PostReport>> {
  const file = join(folder, 'signed.jsonl');
  await writeFile(file, (await signedRequests(store, count)).join('\n'));
  return BenchProcess.start(new URL('./bare_poster.ts', import.meta.url), [file]);
}

async function signedRequests(store: Pick<Store, 'eventsAfter'>, count: number): Promise<string[]> {
  const lines: string[] = [];
  for (let position = 0; lines.length < count; ) {
    const page = await store.eventsAfter(position, Math.min(PAGE, count - lines.length));
    const last = page.at(-1);
    if (last === undefined) throw new Error(`the record has ${lines.length} events, not ${count}`);
    position = last.position;
    lines.push(...page.map((event) => JSON.stringify(signed(event))));
  }
  return lines;
}

function signed({ id, body }: { id: string; body: string }): SignedRequest {
  const signatures = signRequest({
    families: ['standard', 'timestamped', 'plain'],
    secrets: { current: SECRET },
    eventId: id,
    deliveryId: newId('dlv'),
    timestampInSeconds: Math.floor(Date.now() / 1_000),
    body,
  });
  return { headers: { 'Content-Type': 'application/json', ...signatures }, body };
}
