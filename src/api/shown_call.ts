import { z } from 'zod';
import { answeredBy, durationSeconds } from '../events/derived_data.ts';
import { type ReportedCall, reportedCall } from '../events/reported_call.ts';
import { transcriptText } from '../events/transcript_text.ts';
import { ANSWERED_BY, CostField, END_REASONS, OUTCOMES } from '../events/vocabulary.ts';
import type { CallRecord, FactDraft, StoredEvent } from '../store/store.ts';
import { isoTime, Time } from './wire.ts';

export const ShownCall = z
  .object({
    id: z.string(),
    status: z.enum(['scheduled', 'queued', 'dialing', 'ringing', 'active', 'ended']),
    direction: z.enum(['inbound', 'outbound']),
    from: z.string().nullable().describe('E.164; `null` for an anonymous caller.'),
    to: z.string(),
    agentId: z.string(),
    provider: z
      .string()
      .describe('`callwire`, or the platform that ran the call (docs/ingest.md).'),
    providerCallId: z.string().nullable().describe('Its id there; `null` for our own.'),
    outcome: z.enum(OUTCOMES).nullable().describe('`null` until `call.completed`.'),
    endReason: z.enum(END_REASONS).nullable(),
    sipStatus: z
      .number()
      .int()
      .nullable()
      .describe(
        'The SIP status of a call that was never answered, as in `call.failed`; `null` where there was none.',
      ),
    answeredBy: z
      .enum(ANSWERED_BY)
      .nullable()
      .describe('Who picked up an outbound call; `null` for any other, and while nobody knows.'),
    durationSeconds: z.number().describe('From the answer to the end.'),
    transcript: z.string().describe('A line for each utterance: `Agent: …` or `Caller: …`.'),
    transcriptItems: z.array(
      z.object({ role: z.enum(['agent', 'caller']), text: z.string(), timestamp: Time }),
    ),
    extraction: z.record(z.string(), z.unknown()).nullable(),
    recordingUrl: z
      .string()
      .nullable()
      .describe('Fresh at every read; `null` where there is no recording, or not yet.'),
    recordingExpiresAt: Time.nullable().describe(
      '15 minutes from now; `null` where another platform keeps it.',
    ),
    costBreakdown: z
      .object({
        model: z.number(),
        transcription: z.number(),
        telephony: z.number(),
        recording: z.number(),
        totalCost: z.number(),
      })
      .nullable()
      .describe('US dollars; `null` where it is not known.'),
    contact: z.object({
      id: z.string().nullable(),
      name: z.string().nullable(),
      phone: z.string().nullable(),
    }),
    metadata: z.record(z.string(), z.unknown()),
    variables: z
      .record(z.string(), z.unknown())
      .nullable()
      .optional()
      .describe(
        'What an outbound call was asked for with; `null` for any other. They may be large: no list has them.',
      ),
    gate: z
      .unknown()
      .describe('What was checked before an outbound call was dialled; else `null`.'),
    scheduledFor: Time.nullable().describe(
      'When an outbound call was to be placed; `null`: at once.',
    ),
    followsCallId: z
      .string()
      .nullable()
      .describe('The call that this one follows up; `null` for all others.'),
    createdAt: Time,
    answeredAt: Time.nullable(),
    endedAt: Time.nullable(),
  })
  .meta({ id: 'Call' });

/** A call as the API shows it: its row, and what its events add. */
export function shownCall(
  call: CallRecord,
  {
    events,
    facts = [],
    recording,
  }: {
    events: readonly StoredEvent[];
    /** Of a call that another platform ran. */
    facts?: readonly FactDraft[];
    recording: { url: string; expiresAt: number } | null;
  },
): z.infer<typeof ShownCall> {
  const told = call.providerCallId === null ? null : reportedCall(facts);
  const spoken = events.filter(({ type }) => type === 'transcript.final').filter(isUtterance);
  const completed = dataOf(events.findLast(({ type }) => type === 'call.completed'));
  const { outcome = null, extraction = null } = readAs(Completed, completed) ?? {};
  const ended = dataOf(events.findLast(({ type }) => type === 'call.ended'));
  const failed = dataOf(events.findLast(({ type }) => type === 'call.failed'));
  return {
    id: call.id,
    status: call.state,
    direction: call.direction,
    from: call.from,
    to: call.to,
    agentId: call.agentId,
    provider: call.provider,
    providerCallId: call.providerCallId,
    outcome,
    endReason: readAs(EndReason, call.endReason) ?? null,
    sipStatus: readAs(Failed, failed)?.sip_status ?? null,
    answeredBy: answeredBy(call),
    durationSeconds: durationSeconds(call),
    transcript: told?.transcript ?? transcriptText(spoken),
    transcriptItems: told
      ? toldItems(told)
      : spoken.map((event) => ({
          ...Utterance.parse(dataOf(event)),
          timestamp: isoTime(event.time),
        })),
    extraction: extraction ?? told?.extraction ?? null,
    recordingUrl: recording?.url ?? told?.recording?.url ?? null,
    recordingExpiresAt: isoTime(recording?.expiresAt ?? null),
    costBreakdown: costBreakdown(told?.cost ? { cost: told.cost } : ended),
    contact: call.contact,
    metadata: call.metadata,
    variables: call.outbound?.variables ?? null,
    gate: call.outbound?.gate ?? null,
    scheduledFor: isoTime(call.outbound?.scheduledFor ?? null),
    followsCallId: call.outbound?.followsCallId ?? null,
    createdAt: isoTime(call.createdAt),
    answeredAt: isoTime(call.answeredAt),
    endedAt: isoTime(call.endedAt),
  };
}

/** What nobody is said to have said is in the transcript alone. */
function toldItems({
  said,
  answeredAt,
  createdAt,
}: ReportedCall): z.infer<typeof ShownCall>['transcriptItems'] {
  return said.flatMap(({ role, text, at }) =>
    role === null ? [] : [{ role, text, timestamp: isoTime(at ?? answeredAt ?? createdAt) }],
  );
}

/** As `call.ended` has it, in the API's words. */
function costBreakdown(ended: unknown): z.infer<typeof ShownCall>['costBreakdown'] {
  const cost = readAs(Ended, ended)?.cost;
  if (!cost) return null;
  const { total, ...parts } = cost;
  return { ...parts, totalCost: total };
}

/**
 * `undefined` where it is of another shape. What a new call does not have yet is not parsed: all of its
 * failures at that were most of what an accepted call left to the garbage collector's long pauses.
 */
function readAs<T>(schema: z.ZodType<T>, value: unknown): T | undefined {
  return value === undefined || value === null ? undefined : schema.safeParse(value).data;
}

const Ended = z.object({ cost: CostField });
const Failed = z.object({ sip_status: z.number().int().nullable() });
const EndReason = z.enum(END_REASONS);
const Utterance = z.object({ role: z.enum(['agent', 'caller']), text: z.string() });
const Completed = z.object({
  outcome: z.enum(OUTCOMES),
  extraction: z.record(z.string(), z.unknown()).nullable(),
});

/** What was deleted leaves an event without words behind. */
function isUtterance(event: StoredEvent): boolean {
  return Utterance.safeParse(dataOf(event)).success;
}

function dataOf(event: StoredEvent | undefined): unknown {
  return event && (JSON.parse(event.body) as { data?: unknown }).data;
}
