import type { VadSettings } from './energy_vad.ts';
import type { SessionPatch, TurnDetection } from './protocol.ts';

export interface SessionConfig {
  type: 'realtime';
  model: string;
  instructions?: string | undefined;
  tools: { type: 'function'; name: string; [key: string]: unknown }[];
  tool_choice?: unknown;
  audio: {
    input: {
      transcription?: Record<string, unknown> | null | undefined;
      turn_detection?: TurnDetection | null | undefined;
      [key: string]: unknown;
    };
    output: { voice?: string | undefined; [key: string]: unknown };
  };
  [key: string]: unknown;
}

/** A session before its first `session.update`, as OpenAI opens it. */
export function defaultConfig(model: string): SessionConfig {
  const format = { type: 'audio/pcm', rate: 24_000 };
  return {
    type: 'realtime',
    model,
    output_modalities: ['audio'],
    instructions: '',
    tools: [],
    tool_choice: 'auto',
    max_output_tokens: 'inf',
    audio: {
      input: {
        format,
        transcription: null,
        noise_reduction: null,
        turn_detection: {
          type: 'server_vad',
          threshold: 0.5,
          prefix_padding_ms: 300,
          silence_duration_ms: 500,
          create_response: true,
          interrupt_response: true,
        },
      },
      output: { format, speed: 1, voice: 'marin' },
    },
  };
}

/** Fields that the patch leaves out stay; a given `turn_detection` replaces the whole of it. */
export function patched(config: SessionConfig, patch: SessionPatch): SessionConfig {
  const { audio, ...rest } = patch;
  return {
    ...config,
    ...rest,
    tools: patch.tools ?? config.tools,
    model: patch.model ?? config.model,
    audio: {
      input: { ...config.audio.input, ...audio?.input },
      output: { ...config.audio.output, ...audio?.output },
    },
  };
}

/** A stand-in for the judgement of OpenAI's semantic VAD; its own waits are not published. */
const SEMANTIC_SILENCE_MS = { low: 400, medium: 350, auto: 350, high: 300 } as const;

export function vadSettings(
  detection: TurnDetection | null | undefined,
  { onsetMs, silenceMs }: { onsetMs: number; silenceMs?: number | undefined },
): VadSettings {
  const semantic = detection?.type === 'semantic_vad';
  return {
    threshold: detection?.threshold ?? 0.5,
    prefixMs: detection?.prefix_padding_ms ?? 300,
    silenceMs:
      silenceMs ??
      (semantic
        ? SEMANTIC_SILENCE_MS[detection.eagerness ?? 'auto']
        : (detection?.silence_duration_ms ?? 500)),
    onsetMs,
  };
}
