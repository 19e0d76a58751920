import pino from 'pino';
import { createCallAcceptance } from '../../dialling/call_acceptance.ts';
import { createCallEnd } from '../../dialling/call_end.ts';
import { DialGate } from '../../gate/dial_gate.ts';
import type { Append, AppendResult, Store } from '../../store/store.ts';
import type { ApiOptions } from '../api_options.ts';
import { testApi } from './test_api.ts';

const RULES = {
  dialling: true,
  consentRequired: true,
  callingHours: null,
  dailyCalls: 100,
  callsPerNumberPerDay: 3,
  spendCapUsdPerDay: null,
};

export type GateRules = typeof RULES;

/** The API with the real acceptance on its own store; rooms that are deleted are noted. */
export async function apiThatCalls(rules: Partial<GateRules> = {}) {
  const rooms: string[] = [];
  const livekit = { isStuck: false };
  let store: Store;
  const commit = async (append: Append) => (await store.append([append]))[0] as AppendResult;
  const later = <K extends keyof Store>(method: K) =>
    ((...args: unknown[]) => (store[method] as (...a: unknown[]) => unknown)(...args)) as Store[K];
  const gate = new DialGate({
    store: { acceptanceFacts: later('acceptanceFacts'), diallingFacts: later('diallingFacts') },
    rules: { ...RULES, ...rules },
  });
  const outbound: ApiOptions['outbound'] = {
    callerNumber: '+15550100000',
    accept: createCallAcceptance({
      store: { getCall: later('getCall'), findIdempotent: later('findIdempotent') },
      gate,
      commit,
    }),
  };
  const endCall = createCallEnd({
    store: { getCall: later('getCall'), takeForDialling: later('takeForDialling') },
    commit,
    tell: () => false,
    deleteRoom: (room) => {
      rooms.push(room);
      return livekit.isStuck
        ? Promise.reject(new Error('no response from servers'))
        : Promise.resolve();
    },
    log: pino({ enabled: false }),
  });
  const api = await testApi({ outbound, endCall });
  store = api.store;
  return { api, rooms, livekit };
}
