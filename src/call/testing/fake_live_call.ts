import { pino } from 'pino';
import { DEFAULT_EXTRACTION } from '../../config/extraction_fields.ts';
import type { Profile } from '../../config/profile.ts';
import type { CallId } from '../../ids.ts';
import type { LedgerClient } from '../../ledger/client.ts';
import type { Append } from '../../store/store.ts';
import { FakeRoom } from '../../telephony/testing/fake_room.ts';
import { CallEnding } from '../call_ending.ts';
import { CallJournal } from '../call_journal.ts';
import type { LiveCall } from '../live_call.ts';

export const CALLER = 'sip_+15550100001';
export const CALL_ID: CallId = 'call_1';

/** A ledger in memory: remembers the appends, and refuses them when told to. */
export class FakeLedger {
  readonly appends: Append[] = [];
  readonly fence = new AbortController();
  failure: Error | undefined;
  closed = false;

  get fenced(): AbortSignal {
    return this.fence.signal;
  }

  /** As the code under test takes it. */
  get client(): LedgerClient {
    return this as unknown as LedgerClient;
  }

  append(append: Append): Promise<'ledger'> {
    if (this.failure) return Promise.reject(this.failure);
    this.appends.push(append);
    return Promise.resolve('ledger');
  }

  hold(): () => void {
    return () => undefined;
  }

  request(): Promise<never> {
    return Promise.reject(new Error('nobody answers'));
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** The events of all appends, in order. */
  get events() {
    return this.appends.flatMap(({ events = [] }) => events);
  }
}

export const PROFILE: Profile = {
  id: 'receptionist',
  name: 'Front desk',
  numbers: [],
  prompt: 'The caller is {{customerName}}.',
  firstMessage: undefined,
  disclosure: undefined,
  recording: null,
  model: 'gpt-realtime',
  voice: 'marin',
  language: 'en',
  turnDetection: { by: 'meaning', eagerness: 'medium' },
  bargeIn: null,
  noiseReduction: null,
  tools: [],
  lookup: 'caller',
  speakFields: ['name'],
  transfers: {},
  context: { budgetMs: undefined, onMissing: 'answer', forwardTo: undefined },
  hooks: null,
  silence: { promptAfterMs: null, hangUpAfterMs: null },
  maxMinutes: undefined,
  voicemail: { policy: 'hang_up', message: undefined },
  extraction: DEFAULT_EXTRACTION,
  followUps: [],
  rules: [],
};

export interface FakeLiveCall {
  call: LiveCall;
  room: FakeRoom;
  ledger: FakeLedger;
  /** Names of rooms that were deleted. */
  deleted: string[];
  /** Why the job was shut down. */
  shutDown: string[];
}

/** An answered call whose phone is in the room. */
export function fakeLiveCall(overrides: Partial<LiveCall> = {}): FakeLiveCall {
  const room = new FakeRoom();
  room.join(CALLER);
  const ledger = new FakeLedger();
  const deleted: string[] = [];
  const shutDown: string[] = [];
  const log = pino({ level: 'silent' });
  const job = {
    room: room.room,
    job: { room: { name: room.name } },
    shutdown: (reason: string) => shutDown.push(reason),
  };
  const rooms = {
    deleteRoom: (name: string) => {
      deleted.push(name);
      return Promise.resolve();
    },
  };
  const call: LiveCall = {
    id: CALL_ID,
    direction: 'inbound',
    variables: {},
    job: job as unknown as LiveCall['job'],
    settings: {} as LiveCall['settings'],
    log,
    livekit: { rooms } as unknown as LiveCall['livekit'],
    journal: new CallJournal(CALL_ID, ledger.client, log),
    ending: new CallEnding(),
    startedAt: 1_760_000_000_000,
    opened: true,
    answeredAt: 1_760_000_003_000,
    caller: {
      identity: CALLER,
      from: '+15550100001',
      to: '+15550100000',
      sipCallId: 'SCL_1',
      headers: {},
    },
    contact: { state: 'none' },
    profile: PROFILE,
    ...overrides,
  };
  return { call, room, ledger, deleted, shutDown };
}
