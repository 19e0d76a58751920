export interface CallOpening {
  id: string;
  direction: 'inbound' | 'outbound';
  /** E.164, or `null` for an anonymous caller. */
  from: string | null;
  /** E.164 (or the dialled user part where it is no number). */
  to: string;
  agentId: string;
  room: string;
  metadata: Record<string, unknown>;
  /** Milliseconds: when the call was first seen. */
  time: number;
  /** Of a call that another platform ran: see `Append.open`. */
  reportedBy?: { provider: string; callId: string };
  /** Of an outbound call only: what the API was asked with, and what the gate said to it. */
  outbound?: OutboundDetails;
}

export interface OutboundDetails {
  /** For the templates of prompt and first message. */
  variables: Record<string, unknown>;
  /** `null` = at once. */
  scheduledFor: number | null;
  /** The gate's decision at acceptance; `recordGate` adds the one at dialling. */
  gate: Record<string, unknown>;
  consentRecordId: string | null;
  /** The call that this one follows up. */
  followsCallId: string | null;
  /** A rule made it (`rules` of a profile), and not a follow-up or the API. (Default: false) */
  madeByRule?: boolean;
}

export type CallState = 'scheduled' | 'queued' | 'dialing' | 'ringing' | 'active' | 'ended';

export interface CallRecord {
  id: string;
  direction: 'inbound' | 'outbound';
  state: CallState;
  from: string | null;
  to: string;
  agentId: string;
  room: string;
  metadata: Record<string, unknown>;
  contact: { id: string | null; name: string | null; phone: string | null };
  context: 'ready' | 'pending' | 'none';
  contextMs: number | null;
  /** Number of the last event. */
  sequence: number;
  transcriptSequence: number;
  lease: number;
  /** Of a call that another platform runs: until when that may be silent. */
  leaseUntil: number;
  createdAt: number;
  answeredAt: number | null;
  endedAt: number | null;
  endReason: string | null;
  usage: Record<string, unknown> | null;
  /** Which key of the API asked for it; `null` for calls that came in. */
  apiKeyId: string | null;
  /** `null` for calls that came in. */
  outbound: OutboundDetails | null;
  /** From `call.completed`. */
  outcome: string | null;
  /** Millionths of a US dollar, from `call.ended`; `null` where it is not known. */
  costMicrousd: number | null;
  /** Who picked up an outbound call, one of the catalogue's words; `null` while nobody knows. */
  answeredBy: string | null;
  /** `callwire`, or the platform that ran the call and told us (`retell`, `vapi`, …). */
  provider: string;
  /** Its id there; `null` for our own. */
  providerCallId: string | null;
}
