import { writeTicket } from '../src/call/call_ticket.ts';
import { PHONE_IDENTITY } from '../src/call/phone_identity.ts';
import { logger } from '../src/config/log.ts';
import type { Profiles } from '../src/config/profiles.ts';
import type { Settings } from '../src/config/settings.ts';
import type { JobHandler } from '../src/delivery/job_handler.ts';
import { type AdoptCall, createAdoption } from '../src/dialling/adoption.ts';
import { type AcceptCall, createCallAcceptance } from '../src/dialling/call_acceptance.ts';
import { createCallEnd, type EndCall } from '../src/dialling/call_end.ts';
import { dialCapacity } from '../src/dialling/dial_capacity.ts';
import { DialDesk } from '../src/dialling/dial_desk.ts';
import { DialHandler, neverDialled } from '../src/dialling/dial_handler.ts';
import { EndRequests } from '../src/dialling/end_requests.ts';
import { FollowUpHandler } from '../src/dialling/follow_up_handler.ts';
import { unlessReachedSince } from '../src/dialling/reached_since.ts';
import { DialGate } from '../src/gate/dial_gate.ts';
import type { GroupCommit } from '../src/ledger/group_commit.ts';
import type { RequestHandlers } from '../src/ledger/host_session.ts';
import type { SqliteStores } from '../src/store/sqlite_store.ts';
import type { Append, Store } from '../src/store/store.ts';
import { dispatchToNewRoom } from '../src/telephony/agent_dispatch.ts';
import { adoptable } from '../src/telephony/dialled_leg.ts';
import { deleteRoom, type LiveKitApi } from '../src/telephony/livekit_api.ts';
import { outboundTrunkId } from '../src/telephony/outbound_trunk.ts';
import { jobsOfDispatch } from '../src/telephony/room_now.ts';

const log = logger('outbound');

/** What runs on this worker, as outbound calls have to know it. */
export interface WorkerLoad {
  /** Resolves when LiveKit has registered the worker. */
  readonly registered: Promise<void>;
  inboundCalls(): number;
  /** Ids of the outbound calls. */
  outboundCalls(): readonly string[];
  /**
   * Whether a job was this worker's and is no more: LiveKit is not told, and lists it as running.
   * (Default: none is)
   */
  isOver?(job: string): boolean;
}

/** Everything about outbound calls in the worker's main process. */
export interface Outbound {
  /** Of the jobs that dial, and of those that follow a call. */
  handlers: readonly JobHandler[];
  adopt: AdoptCall;
  /** What call processes ask. */
  requests: RequestHandlers;
  accept: AcceptCall;
  end: EndCall;
}

export function startOutbound(
  settings: Settings,
  parts: {
    store: SqliteStores;
    commits: GroupCommit;
    livekit: LiveKitApi;
    load: WorkerLoad;
    profiles: Profiles;
    /** Resolves when calls may be dialled: phones that ring already need the next processes. */
    tidied: Promise<void>;
  },
): Outbound {
  const { store, commits, livekit, load, profiles, tidied } = parts;
  const { agentName } = settings.livekit;
  const commit = (append: Append) => commits.append(append, append.callId);
  const gate = new DialGate({ store, rules: settings.gate });

  let ready = false;
  void Promise.all([load.registered, tidied]).then(() => {
    ready = true;
  });
  const desk = new DialDesk({
    store,
    gate,
    commit,
    trunkId: remembered(() => outboundTrunkId(livekit.sip, { name: agentName })),
    log,
  });
  const handler = new DialHandler({
    store,
    desk,
    gate: unlessReachedSince(gate, store),
    capacity: dialCapacity({
      ready: () => ready,
      inboundCalls: () => load.inboundCalls(),
      outboundCalls: () => load.outboundCalls(),
      maxCalls: settings.calls.max,
      inboundReserve: settings.calls.inboundReserve,
      trunkCalls: settings.outbound.calls,
      trunkCallsPerSecond: settings.outbound.callsPerSecond,
    }),
    dispatch: ({ room }, ticket) =>
      dispatchToNewRoom(livekit, room, { agentName, metadata: writeTicket(ticket) }),
    isComing: async ({ room }, dispatchId) =>
      (await jobsOfDispatch(livekit, room, dispatchId)).some((job) => !load.isOver?.(job)),
    release: ({ room }) => deleteRoom(livekit.rooms, room),
    end: async (call, lease, reason) => {
      await commit({ ...neverDialled(call.id, call.createdAt, reason, Date.now()), lease });
    },
    log,
  });
  const adopt = createAdoption({
    desk,
    ready: load.registered,
    phoneIn: async (room) => (await adoptable(livekit.rooms, room, PHONE_IDENTITY)) !== null,
    dispatch: ({ room }, ticket) =>
      livekit.dispatch.createDispatch(room, agentName, { metadata: writeTicket(ticket) }),
    log,
  });
  const accept = createCallAcceptance({ store, gate, commit });
  const ends = new EndRequests();
  return {
    handlers: [handler, followUps(settings, { store: store.background, accept, profiles })],
    adopt,
    requests: { ...desk.requests, ...ends.requests },
    accept,
    end: createCallEnd({
      store,
      commit,
      tell: (callId) => ends.tell(callId),
      deleteRoom: (room) => deleteRoom(livekit.rooms, room),
      log,
    }),
  };
}

/** The calls that a completed one leads to. */
function followUps(
  settings: Settings,
  { store, accept, profiles }: { store: Store; accept: AcceptCall; profiles: Profiles },
): FollowUpHandler {
  const trunk = settings.sip.outbound;
  const called = profiles.all.some(({ followUps, rules }) => followUps.length + rules.length > 0);
  if (!trunk && called) {
    log.warn('no SIP_OUTBOUND_ADDRESS: profiles have followups or rules, and nobody can be called');
  }
  return new FollowUpHandler({
    store,
    accept,
    callerNumber: trunk ? trunk.callerNumber : null,
    profileOf: (agentId) => profiles.all.find(({ id }) => id === agentId),
    log: logger('follow_up'),
  });
}

/** How long the trunk's id is not asked for again; `npm run sip:setup` keeps it. */
const TRUNK_KEPT_MS = 60_000;

function remembered(ask: () => Promise<string>): () => Promise<string> {
  let known: { id: string; until: number } | undefined;
  return async () => {
    if (known && known.until > Date.now()) return known.id;
    const id = await ask();
    known = { id, until: Date.now() + TRUNK_KEPT_MS };
    return id;
  };
}
