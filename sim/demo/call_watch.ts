import { setTimeout as sleep } from 'node:timers/promises';
import { openAdminStore } from '../../src/ledger/admin_store.ts';
import type { Store, StoredEvent } from '../../src/store/store.ts';
import type { SeenRequest } from '../crm/crm_backend.ts';
import type { ReceivedEvent } from '../crm/webhook_inbox.ts';
import type { Installation } from '../installation/installation.ts';
import { waitFor } from '../installation/wait_for.ts';
import type { LogLine } from '../installation/worker_process.ts';
import type { Call, TimelineEntry as PhoneEntry } from '../phone/call.ts';
import { styled } from './terminal.ts';
import type { Timeline } from './timeline.ts';

const LOOK_EVERY_MS = 100;
const LEDGER_PAGE = 500;
/** A look-up's answer does not wait for its record, so the log may be ahead of the ledger. */
const RECORD_LIMIT_MS = 2_000;
/** Of a tool's arguments, in characters: a line stays a line. */
const MAX_SHOWN = 60;

/** What is known of one call from the outside; all times are of one clock, ms since the epoch. */
export interface WatchedCall {
  id: string;
  /** When the worker said that it has the caller's context, and what it has. */
  context?: { at: number; state: string; known: boolean };
  /** By the ledger, in the order of its positions. */
  events: StoredEvent[];
  tools: string[];
}

/** The backend stand-in, as far as it is watched. */
export interface WatchedBackend {
  readonly received: readonly ReceivedEvent[];
  readonly refused: readonly ReceivedEvent[];
}

/**
 * Follows every call of an installation from where its people could: the worker's log, the ledger,
 * the requests that reach the backend, the phone. Each thing seen goes to the timeline.
 */
export class CallWatch {
  readonly calls = new Map<string, WatchedCall>();
  /** When the phone had its 200 OK. */
  answeredAt: number | undefined;
  readonly #backend: WatchedBackend;
  readonly #timeline: Timeline;
  readonly #store: Store;
  /** Lines that wait for what the ledger says of them. */
  readonly #reading = new Set<Promise<void>>();
  #dialled = false;
  #position = 0;
  #looking: Promise<void> = Promise.resolve();
  #received = 0;
  #refused = 0;

  constructor(backend: WatchedBackend, timeline: Timeline, store: Store) {
    this.#backend = backend;
    this.#timeline = timeline;
    this.#store = store;
  }

  /** To be called when the worker runs: the ledger is read through it. */
  static async open(installation: Installation, timeline: Timeline): Promise<CallWatch> {
    const store = await openAdminStore(installation.dataDir);
    return new CallWatch(installation.backend, timeline, store);
  }

  get store(): Store {
    return this.#store;
  }

  /** The call that our own phone has placed, as soon as the worker has it. */
  get first(): WatchedCall | undefined {
    return this.calls.values().next().value;
  }

  /** Looks at ledger and backend until the signal; rejects when the ledger cannot be read. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Takes in what is new. One look at a time: two would read the same page of the ledger. */
  look(): Promise<void> {
    this.#looking = this.#looking.catch(() => undefined).then(() => this.#look());
    return this.#looking;
  }

  async #look(): Promise<void> {
    const events = await this.#store.eventsAfter(this.#position, LEDGER_PAGE);
    for (const event of events) this.#takeEvent(event);
    const { received, refused } = this.#backend;
    for (const one of received.slice(this.#received)) this.#read(this.#takeDelivery(one));
    this.#received = received.length;
    for (const one of refused.slice(this.#refused)) this.#read(this.#takeDelivery(one));
    this.#refused = refused.length;
  }

  /** Until every line is in the timeline that is known of now. */
  async settled(): Promise<void> {
    await this.look();
    await Promise.all(this.#reading);
  }

  #read(reading: Promise<void>): void {
    const settled = reading.catch(() => undefined).finally(() => this.#reading.delete(settled));
    this.#reading.add(settled);
  }

  /** Follows a call of our own phone, from its INVITE on. */
  followPhone(call: Call): void {
    this.#dialled = true;
    this.#timeline.begin(wallClock(call.timeline[0]?.at ?? performance.now()));
    call.observe((entry) => {
      const at = wallClock(entry.at);
      if (entry.what === 'answered') this.answeredAt ??= at;
      const text = phoneText(entry);
      if (text) this.#timeline.add({ at, call: this.first?.id, source: 'phone', text });
    });
  }

  takeLogLine(line: LogLine): void {
    const { call: id, msg } = line;
    if (id === undefined) return;
    const at = Date.parse(String(line.time));
    const say = (text: string) => this.#timeline.add({ at, call: id, source: 'worker', text });
    if (msg === 'ringing') {
      this.#begin(id, at);
      say(`joins the call as agent "${line.agent}", while the phone still rings`);
    } else if (msg === 'caller context') {
      const known = line.known === true;
      this.#call(id).context ??= { at, state: String(line.context), known };
      say(
        `caller context ${line.context} (${line.ms} ms): ${known ? 'a known contact' : 'nobody known'}`,
      );
    } else if (msg === 'tool answered') {
      this.#call(id).tools.push(String(line.tool));
      this.#read(this.#takeTool(id, at, line));
    } else if (msg === 'call ended') {
      const lasted = line.answered
        ? `${seconds(Number(line.duration_ms))} after the answer`
        : 'unanswered';
      say(`the call is over, ${lasted}: ${line.end_reason}`);
    } else if (line.level === 'error' || line.level === 'fatal') {
      say(styled('red', msg));
    }
  }

  /** A call begins: ours, which has begun with its INVITE, or one from outside. */
  #begin(id: string, at: number): void {
    if (this.#dialled) this.#timeline.name(id);
    else this.#timeline.begin(at, id);
    this.#dialled = false;
    this.#call(id);
  }

  #call(id: string): WatchedCall {
    let call = this.calls.get(id);
    if (!call) {
      call = { id, events: [], tools: [] };
      this.calls.set(id, call);
    }
    return call;
  }

  #takeEvent(event: StoredEvent): void {
    this.#position = event.position;
    if (event.callId === null) return;
    this.#call(event.callId).events.push(event);
    if (event.type !== 'transcript.final') return;
    const { data } = JSON.parse(event.body) as { data: { role: 'agent' | 'caller'; text: string } };
    this.#timeline.add({
      at: event.time,
      call: event.callId,
      source: data.role,
      text: styled('bold', `“${data.text}”`),
    });
  }

  takeRequest({ at, group, method, path, status }: SeenRequest): void {
    if (group !== 'lookup' && group !== 'writes') return;
    this.#timeline.add({ at, source: 'crm', text: `${method} ${path} → ${status}` });
  }

  async #takeDelivery(delivery: ReceivedEvent): Promise<void> {
    const { at, body, deliveryId, event, path, sequence, verified } = delivery;
    // Made in the transaction of the append. The event's own time may be earlier: that of
    // call.started is the first ring.
    const made = deliveryId === null ? null : await this.#store.getDelivery(deliveryId);
    const since = made ? `  ${Math.max(0, at - made.createdAt)} ms after its append` : '';
    const signatures = Object.entries(verified)
      .map(([family, valid]) => styled(valid ? 'green' : 'red', `${valid ? '✓' : '✗'} ${family}`))
      .join(' ');
    const name = `#${sequence ?? '-'} ${event}`.padEnd(19);
    this.#timeline.add({
      at,
      call: typeof body.call_id === 'string' ? body.call_id : undefined,
      source: 'event',
      text: `${name} → POST ${path.padEnd(16)} ${signatures}${since}`,
    });
  }

  /** The log says which and when, the ledger what with: arguments are personal data. */
  async #takeTool(id: string, at: number, { tool, toolCallId, ms }: LogLine): Promise<void> {
    const recorded = async () => {
      const facts = await this.#store.listFacts(id);
      const fact = (factId: string) => facts.find((one) => one.id === factId)?.data;
      const result = fact(`${id}:${toolCallId}:result`)?.result;
      return result === undefined
        ? undefined
        : { args: fact(`${id}:${toolCallId}`)?.arguments ?? {}, result };
    };
    const options = { what: 'the record of a tool', deadlineMs: RECORD_LIMIT_MS };
    const record = await waitFor(recorded, options).catch(() => undefined);
    const said = record ? `${short(record.args)} → ${short(record.result)}` : '(not recorded)';
    this.#timeline.add({ at, call: id, source: 'tool', text: `${tool} ${said}  in ${ms} ms` });
  }
}

function phoneText({ what, status }: PhoneEntry): string | undefined {
  switch (what) {
    case 'invite':
      return 'INVITE';
    case 'ringing':
      return `${status} Ringing`;
    case 'answered':
      return `${status} OK: answered`;
    case 'first_audio':
      return 'hears the agent';
    case 'bye_received':
      return 'BYE: the agent has hung up';
    case 'bye_sent':
      return 'hangs up: BYE';
    case 'rejected':
      return `refused with ${status}`;
    case 'cancelled':
      return 'gives up: CANCEL';
    case 'refer':
      return 'REFER: is transferred';
    case 'trying':
    case 'mark':
      return undefined;
  }
}

function short(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 1)}…` : text;
}

/** The phone's times are `performance.now()`. */
function wallClock(at: number): number {
  return Date.now() - (performance.now() - at);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
