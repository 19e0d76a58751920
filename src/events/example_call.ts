import type { CallRecord } from '../store/store.ts';

/** A made-up call that has ended: for the documentation, and for requests that only try out a receiver. */
export const EXAMPLE_CALL = {
  id: 'call_0000000000example0000000000',
  direction: 'inbound',
  state: 'ended',
  from: '+15550100001',
  to: '+15550100000',
  agentId: 'receptionist',
  room: 'call-example',
  metadata: {},
  contact: { id: '42', name: 'Ada Example', phone: '+15550100001' },
  context: 'ready',
  contextMs: 180,
  sequence: 4,
  transcriptSequence: 2,
  lease: 1,
  leaseUntil: 0,
  createdAt: Date.UTC(2026, 2, 1, 10, 0, 0),
  answeredAt: Date.UTC(2026, 2, 1, 10, 0, 2),
  endedAt: Date.UTC(2026, 2, 1, 10, 2, 10),
  endReason: 'caller_hung_up',
  usage: null,
  apiKeyId: null,
  outbound: null,
  outcome: null,
  costMicrousd: null,
} satisfies CallRecord;
