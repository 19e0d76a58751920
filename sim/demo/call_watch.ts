import { setTimeout as sleep } from 'node:timers/promises';
import { openAdminStore } from '../../src/ledger/admin_store.ts';
import type { Store, StoredEvent } from '../../src/store/store.ts';
import type { SeenRequest } from '../crm/crm_backend.ts';
import type { ReceivedEvent } from '../crm/webhook_inbox.ts';
import type { Installation } from '../installation/installation.ts';
import type { LogLine } from '../installation/worker_process.ts';
import type { Call, TimelineEntry as PhoneEntry } from '../phone/call.ts';
import { styled } from './terminal.ts';
import type { Timeline } from './timeline.ts';

const LOOK_EVERY_MS = 100;
const LEDGER_PAGE = 500;
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

/**
 * Follows every call of an installation from where its people could: the worker's log, the ledger,
 * the requests that reach the backend, the phone. Each thing seen goes to the timeline.
 */
export class CallWatch {
  readonly calls = new Map<string, WatchedCall>();
  /** When the phone had its 200 OK. */
  answeredAt: number | undefined;
  readonly #installation: Installation;
  readonly #timeline: Timeline;
  readonly #store: Store;
  #dialled = false;
  #position = 0;
  #looking: Promise<void> = Promise.resolve();
  #received = 0;
  #refused = 0;

  private constructor(installation: Installation, timeline: Timeline, store: Store) {
    this.#installation = installation;
    this.#timeline = timeline;
    this.#store = store;
  }

  /** To be called when the worker runs: the ledger is read through it. */
  static async open(installation: Installation, timeline: Timeline): Promise<CallWatch> {
    return new CallWatch(installation, timeline, await openAdminStore(installation.dataDir));
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
    const { backend } = this.#installation;
    for (const received of backend.received.slice(this.#received)) this.#takeDelivery(received);
    this.#received = backend.received.length;
    for (const refused of backend.refused.slice(this.#refused)) this.#takeDelivery(refused);
    this.#refused = backend.refused.length;
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
        `caller context ${line.context} after ${line.ms} ms: ${known ? 'a known contact' : 'nobody known'}`,
      );
    } else if (msg === 'tool answered') {
      this.#call(id).tools.push(String(line.tool));
      void this.#takeTool(id, at, line);
    } else if (msg === 'call ended') {
      say(`the call is over: ${line.end_reason} after ${seconds(Number(line.duration_ms))}`);
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

  #takeDelivery({ at, body, event, path, sequence, verified }: ReceivedEvent): void {
    const late = at - Date.parse(String(body.timestamp));
    const signatures = Object.entries(verified)
      .map(([family, valid]) => styled(valid ? 'green' : 'red', `${valid ? '✓' : '✗'} ${family}`))
      .join(' ');
    const name = `#${sequence ?? '-'} ${event}`.padEnd(19);
    this.#timeline.add({
      at,
      call: typeof body.call_id === 'string' ? body.call_id : undefined,
      source: 'event',
      text: `${name} → POST ${path.padEnd(16)} ${signatures}  after ${late} ms`,
    });
  }

  /** The log says which and when, the ledger what with: arguments are personal data. */
  async #takeTool(id: string, at: number, { tool, toolCallId, ms }: LogLine): Promise<void> {
    const facts = await this.#store.listFacts(id).catch(() => []);
    const fact = (factId: string) => facts.find((one) => one.id === factId)?.data;
    const args = fact(`${id}:${toolCallId}`)?.arguments ?? {};
    const result = fact(`${id}:${toolCallId}:result`)?.result ?? {};
    const text = `${tool} ${short(args)} → ${short(result)}  in ${ms} ms`;
    this.#timeline.add({ at, call: id, source: 'tool', text });
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
