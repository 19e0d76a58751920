import { CallwireError } from '../errors.ts';
import type { Store } from './store.ts';

/** What can be called from afar: everything that takes data and returns data. */
export type StoreMethod = Exclude<keyof Store, 'onJobs' | 'close'>;

/**
 * Whether an answer promises that something is on the disk. A record, so that a method added to `Store` and
 * forgotten here does not compile.
 */
const METHODS: Record<StoreMethod, boolean> = {
  append: true,
  renewLeases: false,
  expireLeases: true,
  heldLeases: false,
  abandonedCalls: false,
  silentCalls: false,
  takeOver: true,
  getCall: false,
  listCalls: false,
  callsOfRoom: false,
  spokenWithSince: false,
  countLiveCalls: false,
  listCallEvents: false,
  eventsAfter: false,
  lastPosition: false,
  listFacts: false,
  claimJobs: true,
  settleJobs: true,
  releaseClaims: true,
  nextDueAt: false,
  recallJobs: false,
  listDeliveries: false,
  getDelivery: false,
  deliveryBacklog: false,
  listAttempts: false,
  replayDeliveries: true,
  findContacts: false,
  getContact: false,
  importContacts: true,
  listContacts: false,
  saveContact: true,
  updateContact: true,
  deleteContact: true,
  addContactEntry: false,
  listContactEntries: false,
  createEndpoint: true,
  getEndpoint: false,
  listEndpoints: false,
  updateEndpoint: true,
  deleteEndpoint: true,
  rotateEndpointSecret: true,
  resealSecrets: true,
  testEndpoint: true,
  createTrigger: true,
  getTrigger: false,
  listTriggers: false,
  deleteTrigger: true,
  createApiKey: true,
  findApiKey: false,
  listApiKeys: false,
  revokeApiKey: true,
  redactCall: true,
  prune: false,
  acceptanceFacts: false,
  diallingFacts: false,
  findIdempotent: true,
  takeForDialling: true,
  recordGate: true,
  addSuppression: true,
  importSuppressions: true,
  getSuppression: false,
  listSuppressions: false,
  deleteSuppression: true,
  getRecording: false,
  recordingsToDelete: false,
  recordingDeleted: true,
  callFigures: false,
};

export const STORE_METHODS: readonly StoreMethod[] = Object.keys(METHODS) as StoreMethod[];

export function promises(method: StoreMethod): boolean {
  return METHODS[method];
}

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
