import { randomBytes } from 'node:crypto';
import { z } from 'zod';

/**
 * OpenAI's Realtime protocol as far as the LiveKit plugin 1.9.0 speaks it, names as on the wire.
 * Unknown keys are kept or ignored, never refused; OpenAI is stricter there.
 */

const eventId = { event_id: z.string().optional() };

const turnDetection = z.looseObject({
  type: z.enum(['server_vad', 'semantic_vad']),
  threshold: z.number().min(0).max(1).optional(),
  prefix_padding_ms: z.number().nonnegative().optional(),
  silence_duration_ms: z.number().nonnegative().optional(),
  eagerness: z.enum(['low', 'medium', 'high', 'auto']).optional(),
  create_response: z.boolean().optional(),
  interrupt_response: z.boolean().optional(),
});

const tool = z.looseObject({ type: z.literal('function'), name: z.string().min(1) });

const sessionPatch = z.looseObject({
  type: z.literal('realtime'),
  model: z.string().optional(),
  instructions: z.string().optional(),
  tools: z.array(tool).optional(),
  tool_choice: z.unknown().optional(),
  audio: z
    .looseObject({
      input: z
        .looseObject({
          transcription: z.looseObject({}).nullish(),
          turn_detection: turnDetection.nullish(),
        })
        .optional(),
      output: z.looseObject({ voice: z.string().optional() }).optional(),
    })
    .optional(),
});

const contentPart = z.looseObject({ type: z.string(), text: z.string().optional() });

const itemInput = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('message'),
    id: z.string().optional(),
    role: z.enum(['user', 'assistant', 'system']),
    content: z.array(contentPart),
  }),
  z.looseObject({
    type: z.literal('function_call'),
    id: z.string().optional(),
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
  }),
  z.looseObject({
    type: z.literal('function_call_output'),
    id: z.string().optional(),
    call_id: z.string(),
    output: z.string(),
  }),
]);

export const clientEvent = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('session.update'), ...eventId, session: sessionPatch }),
  z.looseObject({ type: z.literal('input_audio_buffer.append'), ...eventId, audio: z.base64() }),
  z.looseObject({ type: z.literal('input_audio_buffer.commit'), ...eventId }),
  z.looseObject({ type: z.literal('input_audio_buffer.clear'), ...eventId }),
  z.looseObject({
    type: z.literal('conversation.item.create'),
    ...eventId,
    previous_item_id: z.string().nullish(),
    item: itemInput,
  }),
  z.looseObject({
    type: z.literal('conversation.item.delete'),
    ...eventId,
    item_id: z.string(),
  }),
  z.looseObject({
    type: z.literal('conversation.item.truncate'),
    ...eventId,
    item_id: z.string(),
    content_index: z.number(),
    audio_end_ms: z.int().nonnegative(),
  }),
  z.looseObject({
    type: z.literal('response.create'),
    ...eventId,
    response: z
      .looseObject({
        instructions: z.string().optional(),
        tool_choice: z.unknown().optional(),
        metadata: z.record(z.string(), z.unknown()).nullish(),
      })
      .optional(),
  }),
  z.looseObject({
    type: z.literal('response.cancel'),
    ...eventId,
    response_id: z.string().optional(),
  }),
]);

export type ClientEvent = z.infer<typeof clientEvent>;
export type SessionPatch = z.infer<typeof sessionPatch>;
export type TurnDetection = z.infer<typeof turnDetection>;
export type ItemInput = z.infer<typeof itemInput>;
export type ConversationItem = ItemInput & { id: string; object?: string; status?: string };

export interface ServerEvent {
  type: string;
  [field: string]: unknown;
}

/** A refusal as OpenAI words it: an `error` event, the session lives on. */
export interface ProtocolError {
  code: string;
  message: string;
  param?: string;
}

export function serverId(prefix: 'event' | 'sess' | 'item' | 'resp' | 'call' | 'chatcmpl'): string {
  return `${prefix}_${randomBytes(10).toString('hex')}`;
}
