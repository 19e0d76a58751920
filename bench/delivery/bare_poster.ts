import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { serveBench } from '../bench_process.ts';
import { steadyNow } from '../clock.ts';

/**
 * What Callwire's deliveries are compared with: a bare undici loop that posts bytes which are signed
 * already. `node bare_poster.ts <file>`, a JSON line (`SignedRequest`) for each request.
 */
const [file = ''] = process.argv.slice(2);

export interface SignedRequest {
  headers: Record<string, string>;
  body: string;
}

export interface PostOrder {
  url: string;
  connections: number;
  /** Milliseconds between the starts of two requests; 0: each connection as soon as it is free. */
  everyMs: number;
}

export interface PostReport {
  /** Of the events, in the order of the file. */
  ids: string[];
  /** `steadyNow()` before each request. */
  at: number[];
  failed: number;
}

const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
const requests = lines.map((line) => JSON.parse(line) as SignedRequest);
let agent: Agent | undefined;

serveBench<PostOrder, PostReport>('ready', async ({ url, connections, everyMs }) => {
  agent ??= new Agent({ connections, pipelining: 1 });
  const dispatcher = agent;
  const ids = requests.map(({ headers }) => headers['webhook-id'] ?? '');
  const report: PostReport = { ids, at: [], failed: 0 };
  const post = async (n: number) => {
    const { headers, body } = requests[n] as SignedRequest;
    report.at[n] = steadyNow();
    const answer = await request(url, { dispatcher, method: 'POST', headers, body });
    await answer.body.dump();
    if (answer.statusCode !== 200) report.failed++;
  };
  if (everyMs > 0) {
    const startedAt = steadyNow();
    const posts: Promise<void>[] = [];
    for (let n = 0; n < requests.length; n++) {
      const early = startedAt + n * everyMs - steadyNow();
      if (early > 0) await sleep(early);
      posts.push(post(n));
    }
    await Promise.all(posts);
    return report;
  }
  let next = 0;
  const connection = async () => {
    while (next < requests.length) await post(next++);
  };
  await Promise.all(Array.from({ length: connections }, connection));
  return report;
});
