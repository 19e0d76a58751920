import type {
  Append,
  AppendResult,
  CallRecord,
  FactDraft,
  HeldLease,
  StoredEvent,
} from '../../store/store.ts';
import type { LedgerHostOptions } from '../host.ts';
import type { SweeperOptions } from '../sweep.ts';

/**
 * The ledger's part of a store, in memory: idempotent by event id, fenced by lease, one `call.ended`
 * a call. The tests can make it fail or hang.
 */
export interface FakeStore {
  store: LedgerHostOptions['store'] & SweeperOptions['store'];
  /** Ids of events in the order of their commit. */
  committed: string[];
  types: (callId: string) => string[];
  batches: number[];
  expired: string[];
  renewed: string[];
  notes: string[];
  /** Rejects appends with this error until it is `null` again. */
  failWith: (error: Error | null) => void;
  /** Rejects a batch that has such an append. */
  chokeOn: (test: ((append: Append) => boolean) | null) => void;
  /** Lets appends hang from now on; the returned function lets them go. */
  hang: () => () => void;
  call: (callId: string) => CallRecord | undefined;
  /** As if another machine had taken the call over. */
  steal: (callId: string) => void;
}

export function fakeStore(): FakeStore {
  const calls = new Map<string, CallRecord>();
  const events: StoredEvent[] = [];
  const facts: { callId: string | null; fact: FactDraft }[] = [];
  const fake = { committed: [], batches: [], expired: [], renewed: [], notes: [] } as Pick<
    FakeStore,
    'committed' | 'batches' | 'expired' | 'renewed' | 'notes'
  >;
  let error: Error | null = null;
  let choke: ((append: Append) => boolean) | null = null;
  let gate: Promise<void> | null = null;

  const write = (append: Append): AppendResult => {
    if (append.open && !calls.has(append.open.id)) calls.set(append.open.id, opened(append.open));
    const call = append.callId === null ? undefined : calls.get(append.callId);
    if (!call) return { status: 'refused', code: 'CALL_UNKNOWN', message: 'never opened' };
    if (!append.recovered && append.lease !== undefined && append.lease !== call.lease) {
      return { status: 'fenced' };
    }
    for (const { id, type, time, data } of append.events ?? []) {
      if (fake.committed.includes(id)) continue;
      if (type === 'call.ended' && call.state === 'ended') {
        if (append.recovered) continue;
        return { status: 'refused', code: 'CALL_ALREADY_ENDED', message: 'ended before' };
      }
      if (type === 'call.ended') {
        call.state = 'ended';
        call.endReason = String(data.end_reason);
      }
      if (type === 'call.answered') call.answeredAt = time;
      call.sequence++;
      fake.committed.push(id);
      const position = events.length;
      events.push({ position, id, callId: call.id, sequence: call.sequence, type, time, body: '' });
    }
    for (const fact of append.facts ?? []) {
      facts.push({ callId: append.callId, fact });
      if (fact.kind === 'note') fake.notes.push(String(fact.data.message));
    }
    return { status: 'appended' };
  };
  const expire = (callId: string) => {
    const call = calls.get(callId);
    if (call) call.leaseUntil = 0;
  };
  const eventsOf = (callId: string) => events.filter((event) => event.callId === callId);
  const unused = () => Promise.reject(new Error('not part of this fake'));

  return {
    ...fake,
    types: (callId) => eventsOf(callId).map((event) => event.type),
    failWith: (next) => {
      error = next;
    },
    chokeOn: (next) => {
      choke = next;
    },
    hang: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return () => {
        gate = null;
        resolve();
      };
    },
    call: (callId) => calls.get(callId),
    steal: (callId) => {
      const call = calls.get(callId);
      if (call) call.lease++;
    },
    store: {
      append: async (batch) => {
        await gate;
        await new Promise(setImmediate);
        if (error) throw error;
        if (choke && batch.some(choke)) throw new Error('choked');
        fake.batches.push(batch.length);
        return batch.map(write);
      },
      renewLeases: (held) => {
        fake.renewed.push(...held.map(({ callId }) => callId));
        const lost = ({ callId, lease }: HeldLease) => calls.get(callId)?.lease !== lease;
        return Promise.resolve(held.filter(lost));
      },
      expireLeases: (held) => {
        for (const { callId, lease } of held) {
          fake.expired.push(callId);
          if (calls.get(callId)?.lease === lease) expire(callId);
        }
        return Promise.resolve();
      },
      heldLeases: () =>
        Promise.resolve(
          [...calls.values()]
            .filter(({ state }) => state !== 'ended')
            .map(({ id, lease }) => ({ callId: id, lease })),
        ),
      abandonedCalls: (limit) =>
        Promise.resolve(
          [...calls.values()]
            .filter((call) => call.state !== 'ended' && call.leaseUntil <= Date.now())
            .slice(0, limit),
        ),
      takeOver: (callId, leaseMs) => {
        const call = calls.get(callId);
        if (!call || call.state === 'ended' || call.leaseUntil > Date.now()) {
          return Promise.resolve(null);
        }
        call.lease++;
        call.leaseUntil = Date.now() + leaseMs;
        return Promise.resolve({ call: { ...call }, lease: call.lease });
      },
      getCall: (callId) => Promise.resolve(calls.get(callId) ?? null),
      listCallEvents: (callId) => Promise.resolve(eventsOf(callId)),
      listCalls: unused,
      countLiveCalls: unused,
      lastPosition: unused,
      eventsAfter: unused,
      listFacts: (callId) =>
        Promise.resolve(facts.filter((one) => one.callId === callId).map(({ fact }) => fact)),
      nextDueAt: unused,
      listDeliveries: unused,
      getDelivery: unused,
      listAttempts: unused,
      replayDeliveries: unused,
      findContacts: () => Promise.resolve([]),
      getContact: unused,
      importContacts: unused,
      listContactEntries: unused,
      createEndpoint: unused,
      getEndpoint: unused,
      listEndpoints: unused,
      updateEndpoint: unused,
      deleteEndpoint: unused,
      rotateEndpointSecret: unused,
      resealSecrets: unused,
      testEndpoint: unused,
      createTrigger: unused,
      getTrigger: unused,
      listTriggers: unused,
      deleteTrigger: unused,
      createApiKey: unused,
      listApiKeys: unused,
      revokeApiKey: unused,
      redactCall: unused,
      addSuppression: unused,
      importSuppressions: unused,
      getSuppression: unused,
      listSuppressions: unused,
      deleteSuppression: unused,
      getRecording: unused,
    },
  };
}

function opened(open: NonNullable<Append['open']>): CallRecord {
  const { id, direction, from, to, agentId, room, metadata, time } = open;
  return {
    id,
    direction,
    state: 'ringing',
    from,
    to,
    agentId,
    room,
    metadata,
    contact: { id: null, name: null, phone: from },
    context: 'none',
    contextMs: null,
    sequence: 0,
    transcriptSequence: 0,
    lease: 1,
    leaseUntil: time + 30_000,
    createdAt: time,
    answeredAt: null,
    endedAt: null,
    endReason: null,
    usage: null,
    apiKeyId: null,
    outbound: null,
    outcome: null,
    costMicrousd: null,
    answeredBy: null,
    provider: 'callwire',
    providerCallId: null,
  };
}
