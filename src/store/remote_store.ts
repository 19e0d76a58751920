import { CallwireError } from '../errors.ts';
import type { Store } from './store.ts';

/** What can be called from afar: everything that takes data and returns data. */
export type StoreMethod = Exclude<keyof Store, 'onJobs' | 'close'>;

/** Kept as a record so that a method added to `Store` and forgotten here does not compile. */
const METHODS: Record<StoreMethod, true> = {
  append: true,
  renewLeases: true,
  expireLeases: true,
  heldLeases: true,
  abandonedCalls: true,
  silentCalls: true,
  takeOver: true,
  getCall: true,
  listCalls: true,
  callsOfRoom: true,
  spokenWithSince: true,
  countLiveCalls: true,
  listCallEvents: true,
  eventsAfter: true,
  lastPosition: true,
  listFacts: true,
  claimJobs: true,
  settleJobs: true,
  releaseClaims: true,
  nextDueAt: true,
  recallJobs: true,
  listDeliveries: true,
  getDelivery: true,
  deliveryBacklog: true,
  listAttempts: true,
  replayDeliveries: true,
  findContacts: true,
  getContact: true,
  importContacts: true,
  listContacts: true,
  saveContact: true,
  updateContact: true,
  deleteContact: true,
  addContactEntry: true,
  listContactEntries: true,
  createEndpoint: true,
  getEndpoint: true,
  listEndpoints: true,
  updateEndpoint: true,
  deleteEndpoint: true,
  rotateEndpointSecret: true,
  resealSecrets: true,
  testEndpoint: true,
  createTrigger: true,
  getTrigger: true,
  listTriggers: true,
  deleteTrigger: true,
  createApiKey: true,
  findApiKey: true,
  listApiKeys: true,
  revokeApiKey: true,
  redactCall: true,
  prune: true,
  acceptanceFacts: true,
  diallingFacts: true,
  findIdempotent: true,
  takeForDialling: true,
  recordGate: true,
  addSuppression: true,
  importSuppressions: true,
  getSuppression: true,
  listSuppressions: true,
  deleteSuppression: true,
  getRecording: true,
  recordingsToDelete: true,
  recordingDeleted: true,
  callFigures: true,
};

export const STORE_METHODS: readonly StoreMethod[] = Object.keys(METHODS) as StoreMethod[];

/**
 * A `Store` whose methods are calls over some channel: the store's thread, the ledger's socket.
 * `call` rejects with what the far side's method rejected with, or when the channel is gone.
 */
export function remoteStore(
  call: (method: StoreMethod, args: unknown[]) => Promise<unknown>,
  channel: Pick<Store, 'onJobs' | 'close'>,
): Store {
  const methods = STORE_METHODS.map((method) => [
    method,
    (...args: unknown[]) => call(method, args),
  ]);
  return {
    ...(Object.fromEntries(methods) as Pick<Store, StoreMethod>),
    onJobs: (listener) => channel.onJobs(listener),
    close: () => channel.close(),
  };
}

/**
 * The far side: does one call. The name comes over a wire, so only the listed ones are looked up.
 *
 * @throws `STORE_UNKNOWN_METHOD`, and whatever the method rejects with.
 */
export async function callStore(
  store: Store,
  method: string,
  args: readonly unknown[],
): Promise<unknown> {
  if (!isStoreMethod(method)) {
    throw new CallwireError('STORE_UNKNOWN_METHOD', 'The store has no method of that name.', {
      remedy: 'Both sides must be the same version of Callwire: restart the worker.',
    });
  }
  return await (store[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args);
}

function isStoreMethod(method: string): method is StoreMethod {
  return Object.hasOwn(METHODS, method);
}
