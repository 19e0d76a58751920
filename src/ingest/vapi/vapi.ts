import type { Report, ReportStage } from '../../events/reported_call.ts';
import { contactIn } from '../contact_in.ts';
import * as loose from '../loose.ts';
import { isObject, type JsonObject } from '../loose.ts';
import { outcomeIn } from '../outcome_words.ts';
import type { Platform } from '../platform.ts';
import { saidBy, saidIn } from '../said.ts';
import { vapiEndReason } from './end_reasons.ts';
import { VapiMessage } from './message.ts';
import { assistantRequest, toolCalls } from './questions.ts';

/**
 * Vapi: `{message: {type, …}}`. `status-update` says how far a call is; that it `ended` comes first, and
 * `end-of-call-report` with everything else behind it, once the analysis is done.
 */
export const vapi: Platform = {
  name: 'vapi',
  recognises: ({ message }) => isObject(message) && typeof message.type === 'string',
  read({ message: given }) {
    const message = VapiMessage.parse(given);
    const { type = '' } = message;
    if (type === 'assistant-request') return assistantRequest(message);
    if (type === 'tool-calls' || type === 'function-call') return toolCalls(message);
    const callId = message.call.id;
    if (callId === undefined) return { kind: 'no_call' };
    const stage = stageOf(message);
    return {
      kind: 'report',
      callId,
      event: type === 'status-update' ? `${type} ${message.status ?? ''}`.trim() : type,
      report: reportOf(message, stage ?? 'told'),
      ...(stage === undefined && !KNOWN_ASIDE.has(type) && { unknown: given as JsonObject }),
    };
  },
};

/** They come for every word; the report at the end has all that they say. */
const KNOWN_ASIDE: ReadonlySet<string> = new Set([
  'conversation-update',
  'model-output',
  'speech-update',
  'transcript',
  'user-interrupted',
  'voice-input',
]);

const STATUSES: Record<string, ReportStage> = {
  scheduled: 'initiated',
  queued: 'initiated',
  ringing: 'ringing',
  'in-progress': 'answered',
  forwarding: 'answered',
  ended: 'ended',
};

function stageOf({ type, status = '' }: VapiMessage): ReportStage | undefined {
  if (type === 'end-of-call-report') return 'analysed';
  return type === 'status-update' ? STATUSES[status] : undefined;
}

/** How long the report may take behind `ended`: its analysis are up to three requests to a model. */
const REPORT_MS = 60_000;

function reportOf(message: VapiMessage, stage: ReportStage): Report {
  const { call, artifact } = message;
  const over = stage === 'ended' || stage === 'analysed';
  const startedAt = message.startedAt ?? call.startedAt;
  const endedAt = message.endedAt ?? call.endedAt;
  const reason = over ? vapiEndReason(message.endedReason) : undefined;
  const direction = directionOf(message);
  const [from, to] = partiesOf(message, direction);
  const metadata = {
    ...message.assistant.metadata,
    ...call.assistantOverrides.metadata,
    ...call.metadata,
  };
  const extraction = stage === 'analysed' ? analysisOf(message) : undefined;
  return {
    stage,
    // Of the other messages the time is that of their sending, not of what they tell.
    at: over ? endedAt : stage === 'told' ? undefined : message.timestamp,
    direction,
    from,
    to,
    agentId: call.assistantId ?? message.assistant.id,
    contactId: contactIn(metadata),
    contactName: message.customer.name ?? call.customer.name,
    metadata: Object.keys(metadata).length > 0 ? metadata : undefined,
    createdAt: call.createdAt,
    ...(over && {
      answeredAt: startedAt,
      endedAt: endedAt ?? message.timestamp,
      endReason: reason,
      said:
        saidBy(
          artifact.messages.map(({ role, message: text, time: at }) => ({ role, text, at })),
        ) ?? saidIn(artifact.transcript ?? message.transcript),
      moreWithinMs: stage === 'ended' ? REPORT_MS : undefined,
    }),
    ...(stage === 'analysed' && {
      final: true,
      durationMs:
        loose.lengthBetween(startedAt, endedAt) ?? message.durationMs ?? message.durationSeconds,
      answered: startedAt === undefined ? false : undefined,
      recordingUrl:
        artifact.recordingUrl ??
        message.recordingUrl ??
        artifact.recording.mono.combinedUrl ??
        artifact.recording.stereoUrl ??
        message.stereoRecordingUrl,
      cost: costOf(message),
    }),
    ...(extraction && { extraction, outcome: outcomeIn(extraction) }),
  };
}

/** In Vapi's words it is the customer and the number of ours, whoever called. */
function partiesOf(
  { customer, phoneNumber, call }: VapiMessage,
  direction: Report['direction'],
): [from: string | undefined, to: string | undefined] {
  const theirs = customer.number ?? call.customer.number;
  const ours = phoneNumber.number ?? call.phoneNumber.number;
  return direction === 'inbound' ? [theirs, ours] : [ours, theirs];
}

function directionOf({ call: { type } }: VapiMessage): Report['direction'] {
  if (type === undefined) return undefined;
  return type.startsWith('outbound') ? 'outbound' : 'inbound';
}

/** In US dollars. What is neither telephony nor transcription belongs to the agent itself. */
function costOf({ cost: total, costs, costBreakdown }: VapiMessage): Report['cost'] {
  if (total === undefined) return undefined;
  const of = (type: string) =>
    costs.filter((one) => one.type === type).reduce((sum, { cost = 0 }) => sum + cost, 0);
  const usd = (value: number) => Math.round(value * 1e6) / 1e6;
  const telephony = of('transport') || (costBreakdown.transport ?? 0);
  const transcription = of('transcriber') || (costBreakdown.stt ?? 0);
  return {
    model: usd(Math.max(0, total - telephony - transcription)),
    transcription: usd(transcription),
    telephony: usd(telephony),
    recording: 0,
    total: usd(total),
  };
}

function analysisOf({ analysis, summary: old, artifact }: VapiMessage): JsonObject | undefined {
  const summary = analysis.summary ?? old;
  const outputs = Object.values(artifact.structuredOutputs ?? {}).flatMap((output) =>
    isObject(output) && typeof output.name === 'string' ? [[output.name, output.result]] : [],
  );
  const extraction = {
    ...(summary !== undefined && { summary }),
    ...(analysis.successEvaluation !== undefined && {
      successful: success(analysis.successEvaluation),
    }),
    ...Object.fromEntries(outputs),
    ...analysis.structuredData,
  };
  return Object.keys(extraction).length > 0 ? extraction : undefined;
}

/** By its rubric a yes or no, a number, a percentage or a word. */
function success(evaluation: string): boolean | string {
  if (/^(true|pass)$/i.test(evaluation)) return true;
  return /^(false|fail)$/i.test(evaluation) ? false : evaluation;
}
