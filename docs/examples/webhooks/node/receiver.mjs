// Receives Callwire's events. Node 20 or newer, nothing to install:
//
//   WEBHOOK_SECRET=… PORT=3000 node receiver.mjs
//
// A request is read as raw bytes, verified, written to disk once and answered. Only then it is
// worked on, in the order of its call. What is on disk and not worked on yet is taken up again at
// the next start. INBOX is a file here so that nothing has to be installed; in your backend it is a
// table whose primary key is the event's id.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

/** Your work: it may be async. Called once for each event, and again after a crash. */
function handle(event) {
  console.log(`handled ${event.event} ${event.call_id ?? '-'} #${event.sequence ?? '-'}`);
}

const { HOST = '127.0.0.1', PORT = '3000', INBOX = 'callwire-inbox.jsonl' } = process.env;
/** Two while a secret is replaced; the order does not matter. */
const SECRETS = [process.env.WEBHOOK_SECRET, process.env.WEBHOOK_SECRET_PREVIOUS].filter(Boolean);
const TOLERANCE_IN_SECONDS = 300;
const MAX_BODY_BYTES = 256 * 1024; // Callwire sends 64 KB at most.
/** How long an event waits for the ones before it, which may be on their way or never come. */
const WAIT_FOR_EARLIER_MS = 60_000;

// --- Verify ----------------------------------------------------------------------------------

/** `body` is a Buffer with the bytes as they came: JSON that is made anew has another signature. */
function isGenuine(headers, body) {
  const { 'webhook-signature': standard, 'x-webhook-signature': timestamped } = headers;
  if (standard) {
    const { 'webhook-id': id, 'webhook-timestamp': timestamp } = headers;
    const expected = SECRETS.map(
      (secret) => `v1,${sign(standardKey(secret), `${id}.${timestamp}.`, body, 'base64')}`,
    );
    return isFresh(timestamp) && matches(standard.split(' '), expected);
  }
  if (timestamped) {
    const { 'x-webhook-timestamp': timestamp } = headers;
    const expected = SECRETS.map(
      (secret) => `sha256=${sign(secret, `${timestamp}.`, body, 'hex')}`,
    );
    return isFresh(timestamp) && matches([timestamped], expected);
  }
  return false; // X-Signature alone has no timestamp: whoever has seen it could send it for ever.
}

function sign(key, before, body, encoding) {
  return createHmac('sha256', key).update(before).update(body).digest(encoding);
}

function isFresh(timestamp) {
  const age = Date.now() / 1000 - Number(timestamp);
  return /^\d+$/.test(timestamp) && Math.abs(age) <= TOLERANCE_IN_SECONDS;
}

/** The key of `webhook-signature`: behind `whsec_` stands base64; any other secret is its own key. */
function standardKey(secret) {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret;
}

/** In constant time: `===` ends at the first difference, and how soon tells where that is. */
function matches(given, expected) {
  const isEqual = (a, b) => a.length === b.length && timingSafeEqual(a, b);
  return given.some((one) =>
    expected.some((right) => isEqual(Buffer.from(one), Buffer.from(right))),
  );
}

// --- Keep, once ------------------------------------------------------------------------------

/** A line for each event, `{"event": …}`, and one when it is worked on, `{"done": "evt_…"}`. */
class Inbox {
  #file;
  #written = Promise.resolve();
  /** Event id → its write. */
  #kept = new Map();

  /** Opens the file and returns what it holds: each event, and whether it is done. */
  async open(path) {
    const lines = await readFile(path, 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const events = new Map();
    const done = new Set();
    for (const line of lines.split('\n')) {
      try {
        const entry = JSON.parse(line);
        if (entry.event) events.set(entry.event.id, entry.event);
        else done.add(entry.done);
      } catch {
        // Empty, or half a line from a crash: it was never acknowledged, so it comes again.
      }
    }
    for (const id of events.keys()) this.#kept.set(id, Promise.resolve());
    this.#file = await open(path, 'a', 0o600);
    return [...events.values()].map((event) => ({ event, isDone: done.has(event.id) }));
  }

  /** Resolves once the event is on disk: `false` where it had been before. */
  async keep(event) {
    const kept = this.#kept.get(event.id);
    if (kept) {
      await kept;
      return false;
    }
    const write = this.#append({ event });
    this.#kept.set(event.id, write);
    try {
      await write;
      return true;
    } catch (error) {
      this.#kept.delete(event.id);
      throw error;
    }
  }

  done(event) {
    return this.#append({ done: event.id });
  }

  #append(entry) {
    const write = this.#written.then(async () => {
      await this.#file.appendFile(`\n${JSON.stringify(entry)}`);
      await this.#file.datasync();
    });
    this.#written = write.catch(() => {});
    return write;
  }
}

// --- Work, in order --------------------------------------------------------------------------

/**
 * Gives events to `handle` one after the other, those of a call by their `sequence`. Where some
 * never come, because the endpoint asked for certain types only, the wait goes on without them.
 */
class Work {
  #calls = new Map();
  #queue = Promise.resolve();

  constructor(inbox) {
    this.inbox = inbox;
  }

  /** From an earlier run. */
  skip({ call_id, sequence }) {
    const call = this.#call(call_id);
    call.next = Math.max(call.next, (sequence ?? 0) + 1);
  }

  add(event) {
    const { call_id, sequence } = event;
    const call = this.#call(call_id);
    // Transcripts and events of no call have no place in the order; a latecomer has lost its own.
    if (sequence === null || sequence < call.next) return this.#run(event);
    call.early.set(sequence, event);
    this.#release(call);
  }

  #call(id) {
    if (!this.#calls.has(id)) this.#calls.set(id, { next: 1, early: new Map() });
    return this.#calls.get(id);
  }

  #release(call) {
    for (; call.early.has(call.next); call.next++) {
      this.#run(call.early.get(call.next));
      call.early.delete(call.next);
    }
    clearTimeout(call.timer);
    if (call.early.size === 0) return;
    call.timer = setTimeout(() => {
      call.next = Math.min(...call.early.keys());
      this.#release(call);
    }, WAIT_FOR_EARLIER_MS);
  }

  #run(event) {
    this.#queue = this.#queue
      .then(() => handle(event))
      .then(() => this.inbox.done(event))
      .catch((error) => console.error(`${event.id} is tried again at the next start:`, error));
  }
}

// --- Receive ---------------------------------------------------------------------------------

/** The raw bytes; `null` where there are too many. */
async function rawBody(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function receive(request) {
  if (request.method !== 'POST') return 405;
  const body = await rawBody(request);
  if (body === null) return 413;
  if (!isGenuine(request.headers, body)) return 401;
  const event = JSON.parse(body); // It is ours, so it is JSON.
  if (await inbox.keep(event)) work.add(event);
  return 200; // Also for what came before: whoever sends it again wants to hear that it is here.
}

if (SECRETS.length === 0) {
  console.error('Set WEBHOOK_SECRET to the signing secret of the endpoint.');
  process.exit(1);
}
const inbox = new Inbox();
const work = new Work(inbox);
const kept = await inbox.open(INBOX);
for (const { event } of kept.filter(({ isDone }) => isDone)) work.skip(event);
for (const { event } of kept.filter(({ isDone }) => !isDone)) work.add(event);

const server = createServer((request, response) => {
  receive(request).then(
    (status) => response.writeHead(status, status === 413 ? { Connection: 'close' } : {}).end(),
    (error) => {
      console.error(error); // Not kept: 500 brings it again.
      response.writeHead(500).end();
    },
  );
});
server.listen(Number(PORT), HOST, () => {
  console.log(`listening on http://${HOST}:${server.address().port}`);
});
