import { pino } from 'pino';
import type { EventDraft } from '../../store/store.ts';
import type { ReferOutcome } from '../../telephony/refer.ts';
import type { ToolCall } from '../tool.ts';
import type { KnownContact, ToolContext } from '../tool_context.ts';

type Recorded = Parameters<ToolContext['record']>[0];

/** A call that tools are used in: a plain object, which remembers what they made of it. */
export interface FakeCall {
  context: ToolContext;
  /** Appends, in order; each resolves as `durable` says. */
  records: Recorded[];
  events: EventDraft[];
  announced: string[];
  referredTo: string[];
  /** What happened, in order, for tests of what comes first. */
  happened: string[];
  ended: string[];
  /** Numbers that the CRM was asked for. */
  asked: string[];
  hangUp: () => void;
}

export interface FakeCallOptions {
  phone?: string | null;
  lookup?: 'caller' | 'any';
  speakFields?: string[];
  transfers?: ToolContext['transfers'];
  known?: KnownContact;
  crm?: (phone: string, signal: AbortSignal) => Promise<Record<string, unknown> | null>;
  refer?: (to: string) => Promise<ReferOutcome>;
  /** What comes of a goodbye that Callwire says itself. */
  goodbye?: ToolContext['sayGoodbye'];
  /** What each append waits for. */
  durable?: () => Promise<void>;
}

export function fakeCall(options: FakeCallOptions = {}): FakeCall {
  const ending = new AbortController();
  const { durable = () => Promise.resolve() } = options;
  const call: Omit<FakeCall, 'context'> = {
    records: [],
    events: [],
    announced: [],
    referredTo: [],
    happened: [],
    ended: [],
    asked: [],
    hangUp: () => ending.abort(new Error('the call has ended')),
  };
  const context: ToolContext = {
    callId: 'call_1',
    phone: options.phone === undefined ? '+15550100001' : options.phone,
    log: pino({ level: 'silent' }),
    signal: ending.signal,
    lookup: options.lookup ?? 'caller',
    speakFields: options.speakFields ?? ['name'],
    transfers: options.transfers ?? {},
    knownContact: () => options.known ?? { state: 'none' },
    findByPhone: (phone, signal) => {
      call.asked.push(phone);
      return options.crm?.(phone, signal) ?? Promise.resolve(null);
    },
    record: (entry) => {
      call.records.push(entry);
      call.happened.push(`record ${entry.name}`);
      return durable();
    },
    recordEvent: (event) => {
      call.events.push(event);
      call.happened.push(`event ${event.type}`);
      return durable();
    },
    noteJob: ({ text, toolCallId }) => ({
      id: `job_${toolCallId}`,
      kind: 'crm_write',
      target: 'crm',
      body: { operation: 'note', text },
    }),
    announce: (instructions) => {
      call.announced.push(instructions);
      call.happened.push('announce');
    },
    refer: (to) => {
      call.referredTo.push(to);
      call.happened.push('refer');
      return options.refer?.(to) ?? Promise.resolve({ outcome: 'confirmed' });
    },
    end: (reason) => {
      call.ended.push(reason);
      call.happened.push(`end ${reason}`);
    },
    sayGoodbye: () => {
      call.happened.push('goodbye');
      return options.goodbye?.() ?? Promise.resolve('said');
    },
  };
  return { ...call, context };
}

/** How the model called the tool; by default what it said beside the call was heard. */
export function toolCall(overrides: Partial<ToolCall> = {}): ToolCall {
  return {
    toolCallId: 'fc_1',
    spoken: Promise.resolve({ interrupted: false, saidSomething: true }),
    replied: Promise.resolve(),
    ...overrides,
  };
}
