import type { Insertable, Selectable } from 'kysely';
import type { CallTable } from './schema.ts';
import type { CallRecord, OutboundDetails } from './store.ts';

export function callFromRow(row: Selectable<CallTable>): CallRecord {
  return {
    id: row.id,
    direction: row.direction,
    state: row.state,
    from: row.from_number,
    to: row.to_number,
    agentId: row.agent_id,
    room: row.room,
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
    contact: {
      id: row.contact_id,
      name: row.contact_name,
      phone: otherParty(row),
    },
    context: row.context,
    contextMs: row.context_ms,
    sequence: row.sequence,
    transcriptSequence: row.transcript_sequence,
    lease: row.lease,
    leaseUntil: row.lease_until,
    createdAt: row.created_at,
    answeredAt: row.answered_at,
    endedAt: row.ended_at,
    endReason: row.end_reason,
    usage: row.usage === null ? null : (JSON.parse(row.usage) as Record<string, unknown>),
    apiKeyId: row.api_key_id,
    outbound: row.direction === 'outbound' ? outboundFromRow(row) : null,
    outcome: row.outcome,
    costMicrousd: row.cost_microusd,
    answeredBy: row.answered_by,
    provider: row.provider,
    providerCallId: row.provider_call_id,
  };
}

/** Platforms also run calls in a browser, and call their two ends what they like: that is no number. */
function otherParty(row: Selectable<CallTable>): string | null {
  const phone = row.direction === 'inbound' ? row.from_number : row.to_number;
  if (row.provider_call_id === null) return phone;
  return phone?.startsWith('+') ? phone : null;
}

function outboundFromRow(row: Selectable<CallTable>): OutboundDetails {
  const object = (text: string | null) =>
    text === null ? {} : (JSON.parse(text) as Record<string, unknown>);
  return {
    variables: object(row.variables),
    scheduledFor: row.scheduled_for,
    gate: object(row.gate),
    consentRecordId: row.consent_record_id,
    followsCallId: row.follows_call_id,
    madeByRule: row.made_by_rule === 1,
  };
}

export function callToRow(call: CallRecord): Insertable<CallTable> {
  return {
    id: call.id,
    direction: call.direction,
    from_number: call.from,
    to_number: call.to,
    agent_id: call.agentId,
    room: call.room,
    lease: call.lease,
    lease_until: call.leaseUntil,
    created_at: call.createdAt,
    api_key_id: call.apiKeyId,
    variables: call.outbound && JSON.stringify(call.outbound.variables),
    scheduled_for: call.outbound?.scheduledFor ?? null,
    gate: call.outbound && JSON.stringify(call.outbound.gate),
    consent_record_id: call.outbound?.consentRecordId ?? null,
    follows_call_id: call.outbound?.followsCallId ?? null,
    made_by_rule: call.outbound?.madeByRule ? 1 : null,
    provider: call.provider,
    provider_call_id: call.providerCallId,
    ...derivedColumns(call),
  };
}

/** What else changes where the call is reported by others, who may tell its beginning last. */
export function reportedColumns(call: CallRecord) {
  return {
    direction: call.direction,
    from_number: call.from,
    to_number: call.to,
    agent_id: call.agentId,
    metadata: JSON.stringify(call.metadata),
    created_at: call.createdAt,
    // Nobody holds it: until then its platform may be silent.
    lease_until: call.leaseUntil,
  };
}

/** The columns that appends change; leases have their own operations and are left alone. */
export function derivedColumns(call: CallRecord) {
  return {
    state: call.state,
    contact_id: call.contact.id,
    contact_name: call.contact.name,
    context: call.context,
    context_ms: call.contextMs,
    sequence: call.sequence,
    transcript_sequence: call.transcriptSequence,
    answered_at: call.answeredAt,
    ended_at: call.endedAt,
    end_reason: call.endReason,
    usage: call.usage === null ? null : JSON.stringify(call.usage),
    metadata: JSON.stringify(call.metadata),
    outcome: call.outcome,
    cost_microusd: call.costMicrousd,
    answered_by: call.answeredBy,
  };
}
