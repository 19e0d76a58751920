import { z } from 'zod';
import { BackendKey } from './backend_key.ts';
import { jsonBytes } from './json.ts';

/** What a start hook makes of a call. */
export type StartAnswer =
  | { kind: 'agent'; agent: BackendAgent }
  | { kind: 'reject'; reason: string | null }
  /** Not judged yet: see `forward_target.ts`. `agent`: who speaks where it may not go there. */
  | { kind: 'forward'; to: string; agent: BackendAgent | null };

/** An agent as the backend wants it for this call; what it leaves open is the profile's. */
export interface BackendAgent {
  prompt: string;
  voice: string | undefined;
  model: string | undefined;
  /** Spoken first. `''`: the caller speaks first. */
  greeting: string | undefined;
  greetingUrl: string | undefined;
  /** Serves this call only. */
  apiKey: BackendKey | undefined;
  eagerness: 'auto' | 'low' | 'medium' | 'high' | undefined;
  /** `null`: none. */
  noiseReduction: 'near_field' | 'far_field' | null | undefined;
  /** `0`: the call is never ended for its silence. */
  inactivityTimeoutMs: number | undefined;
  toolUrl: string | undefined;
  /** Judged one by one: see `hook_tools.ts`. */
  tools: readonly unknown[];
  metadata: Record<string, unknown>;
}

/** A prompt is never cut: half of the instructions can mean the opposite of the whole. */
const MAX_PROMPT_CHARACTERS = 256 * 1024;
const MAX_METADATA_BYTES = 16 * 1024;

const name = z.string().min(1).max(100);
const url = z.string().max(2_048).refine(isWebUrl);

function isWebUrl(text: string): boolean {
  const parsed = URL.parse(text);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return false;
  return parsed.username === '' && parsed.password === '';
}

const NONE = z.enum(['none', 'off']).transform(() => null);

const KEYS = {
  systemPrompt: z.string().regex(/\S/).max(MAX_PROMPT_CHARACTERS),
  voice: name,
  model: name,
  greeting: z.string().max(2_000),
  greetingUrl: url,
  // It becomes a header.
  openaiApiKey: z.string().regex(/^[\x21-\x7e]{1,512}$/),
  vadEagerness: z.enum(['auto', 'low', 'medium', 'high']),
  noiseReduction: z.enum(['near_field', 'far_field']).or(NONE),
  inactivityTimeoutMs: z.number().min(0).max(3_600_000),
  onToolCallUrl: url,
  tools: z.array(z.unknown()),
  metadata: z
    .record(z.string(), z.unknown())
    .refine((value) => jsonBytes(value) <= MAX_METADATA_BYTES),
  forward: z.string().min(1).max(255),
  reject: z.union([
    z.boolean(),
    z.object({ reason: z.string().nullish() }).transform(({ reason }) => ({ reason })),
  ]),
};

type Values = { [K in keyof typeof KEYS]?: z.output<(typeof KEYS)[K]> };

/**
 * Reads the JSON of an answer. Unknown keys are ignored (`twilio*` among them, which other platforms
 * want, secrets and all); a known one with a value of no use is left out and named in `ignored`, for a
 * mistyped voice is no reason to leave a caller alone. `answer` is `null` where nothing can be made of
 * it: it is no object, or it has no `systemPrompt` and turns the call away neither.
 */
export function readStartAnswer(json: unknown): { answer: StartAnswer | null; ignored: string[] } {
  const given = z.record(z.string(), z.unknown()).safeParse(json);
  if (!given.success) return { answer: null, ignored: [] };
  const values: Values = {};
  const ignored: string[] = [];
  for (const [key, schema] of Object.entries(KEYS)) {
    const value = given.data[key];
    if (value === undefined || value === null) continue;
    const read = schema.safeParse(value);
    if (read.success) Object.assign(values, { [key]: read.data });
    else ignored.push(key);
  }
  return { answer: answerOf(values), ignored };
}

function answerOf(values: Values): StartAnswer | null {
  const { reject, forward } = values;
  if (reject) {
    const reason = reject === true ? null : (reject.reason ?? null);
    return { kind: 'reject', reason };
  }
  const agent = agentOf(values);
  if (forward !== undefined) return { kind: 'forward', to: forward, agent };
  return agent && { kind: 'agent', agent };
}

function agentOf(values: Values): BackendAgent | null {
  if (values.systemPrompt === undefined) return null;
  return {
    prompt: values.systemPrompt,
    voice: values.voice,
    model: values.model,
    greeting: values.greeting,
    greetingUrl: values.greetingUrl,
    apiKey: values.openaiApiKey === undefined ? undefined : new BackendKey(values.openaiApiKey),
    eagerness: values.vadEagerness,
    noiseReduction: values.noiseReduction,
    inactivityTimeoutMs: values.inactivityTimeoutMs,
    toolUrl: values.onToolCallUrl,
    tools: values.tools ?? [],
    metadata: values.metadata ?? {},
  };
}
