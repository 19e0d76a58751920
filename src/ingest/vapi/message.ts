import { z } from 'zod';
import * as loose from '../loose.ts';

const Party = loose.part({ number: loose.phone, name: loose.text });

const Message = z.object({ role: loose.text, message: loose.longText, time: loose.timeInMs });

/**
 * Vapi's server message, as far as we read it. `phoneNumber` can carry the login of the operator's
 * carrier, `assistant` and `call.monitor` more of that kind: what is not named here is not read.
 */
export const VapiMessage = loose.part({
  type: loose.text,
  timestamp: loose.timeInMs,
  status: loose.text,
  endedReason: loose.text,
  startedAt: loose.timeInMs,
  endedAt: loose.timeInMs,
  durationSeconds: loose.lengthInSeconds,
  durationMs: loose.lengthInMs,
  cost: loose.amount,
  costs: loose.listOf(z.object({ type: loose.text, cost: loose.amount })),
  costBreakdown: loose.part({
    transport: loose.amount,
    stt: loose.amount,
    total: loose.amount,
  }),
  transcript: loose.longText,
  summary: loose.longText,
  recordingUrl: loose.url,
  stereoRecordingUrl: loose.url,
  phoneNumber: Party,
  customer: Party,
  call: loose.part({
    id: loose.id,
    type: loose.text,
    createdAt: loose.timeInMs,
    startedAt: loose.timeInMs,
    endedAt: loose.timeInMs,
    assistantId: loose.text,
    metadata: loose.anyObject,
    customer: Party,
    phoneNumber: Party,
    assistantOverrides: loose.part({ metadata: loose.anyObject }),
  }),
  assistant: loose.part({ id: loose.text, metadata: loose.anyObject }),
  analysis: loose.part({
    summary: loose.longText,
    successEvaluation: loose.text,
    structuredData: loose.anyObject,
  }),
  artifact: loose.part({
    messages: loose.listOf(Message),
    transcript: loose.longText,
    recordingUrl: loose.url,
    recording: loose.part({ mono: loose.part({ combinedUrl: loose.url }), stereoUrl: loose.url }),
    structuredOutputs: loose.anyObject,
  }),
  toolCallList: loose.listOf(
    z.object({
      id: loose.text,
      name: loose.text,
      arguments: z.unknown().optional(),
      parameters: z.unknown().optional(),
      function: loose.part({ name: loose.text, arguments: z.unknown().optional() }),
    }),
  ),
  functionCall: loose.part({
    name: loose.text,
    parameters: z.unknown().optional(),
    arguments: z.unknown().optional(),
  }),
});
export type VapiMessage = z.infer<typeof VapiMessage>;
