import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyStandard } from '../../src/events/signatures.ts';
import { serveBench } from '../bench_process.ts';
import { steadyNow } from '../clock.ts';

/**
 * What Callwire and the bare loop post to, in a process of its own. It does what a backend is told to:
 * checks the signature, reads the event, looks whether it has it already; and notes when it was
 * through. `node receiver.ts <secret>`; requests under `/hang` are never answered.
 */
const [secret = ''] = process.argv.slice(2);

/** Waits until so many have arrived since the last time, or the deadline; then tells them all. */
export interface ReceiverOrder {
  count: number;
  deadlineMs: number;
}

export interface Arrivals {
  /** Event ids. */
  ids: string[];
  paths: string[];
  /** `steadyNow()` when the request was whole and its signature right. */
  at: number[];
  bytes: number;
  /** The same event at the same path once more. */
  repeated: number;
  /** Answered 401. */
  refused: number;
}

export interface ReceiverReady {
  url: string;
}

const LOOK_EVERY_MS = 20;
/** Longer than any pause of a measurement, so that no connection is closed under a request. */
const KEEP_ALIVE_MS = 600_000;

let arrivals = none();
/** Of the last arrivals; what came before has been told. */
const seen = new Set<string>();

const server = createServer((request, response) => {
  void take(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = KEEP_ALIVE_MS;
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;

serveBench<ReceiverOrder, Arrivals>(
  { url: `http://127.0.0.1:${port}` } satisfies ReceiverReady,
  async ({ count, deadlineMs }) => {
    const deadline = steadyNow() + deadlineMs;
    while (arrivals.ids.length < count && steadyNow() < deadline) await sleep(LOOK_EVERY_MS);
    const told = arrivals;
    arrivals = none();
    seen.clear();
    return told;
  },
);

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (request.url?.startsWith('/hang')) return;
  const valid = verifyStandard({ headers: request.headers, body, secrets: [secret] }) === 'valid';
  if (valid) {
    const { id } = JSON.parse(body.toString()) as { id: string };
    const key = `${id} ${request.url}`;
    if (seen.has(key)) arrivals.repeated++;
    seen.add(key);
    arrivals.at.push(steadyNow());
    arrivals.ids.push(id);
    arrivals.paths.push(request.url ?? '');
    arrivals.bytes += body.length;
  } else arrivals.refused++;
  response.writeHead(valid ? 200 : 401, { 'Content-Type': 'application/json' });
  response.end(valid ? '{"ok":true}' : '{"error":"invalid signature"}');
}

function none(): Arrivals {
  return { ids: [], paths: [], at: [], bytes: 0, repeated: 0, refused: 0 };
}
