import { type CallRule, callRulesFrom } from './call_rules.ts';
import { type ExtractionField, extractionFields } from './extraction_fields.ts';
import { type FollowUpRule, followUpRulesFrom } from './follow_up_rules.ts';
import { toE164 } from './phone_number.ts';
import type { ProfileDocument, ToolName } from './profile_schema.ts';

/** An agent profile, ready for use. Durations are in milliseconds unless the name says otherwise. */
export interface Profile {
  /** The name of its file without the ending; `agent_id` in events. */
  id: string;
  name: string;
  /** E.164; none for the default agent. */
  numbers: readonly string[];
  /** A template (`renderTemplate`), as are `firstMessage` and `say` of a transfer. */
  prompt: string;
  /** `undefined`: the model opens by itself from the prompt; `''`: the caller speaks first. */
  firstMessage: string | undefined;
  /** Said before anything else, a template; `undefined` = nothing. */
  disclosure: string | undefined;
  /** `null`: nothing is recorded. */
  recording: RecordingRule | null;
  model: string;
  voice: string;
  /** BCP 47. */
  language: string;
  turnDetection: TurnDetection;
  /** `null`: any sound of the caller's. */
  bargeIn: BargeInRule | null;
  /** `null`: none. */
  noiseReduction: 'near_field' | 'far_field' | null;
  tools: readonly ToolName[];
  lookup: 'caller' | 'any';
  speakFields: readonly string[];
  /** By name. Without a prototype: the name is looked up with the model's words. */
  transfers: Readonly<Record<string, Transfer>>;
  context: {
    /** `undefined`: the setting CONTEXT_BUDGET_MS. */
    budgetMs: number | undefined;
    onMissing: 'answer' | 'reject' | 'forward';
    /** A name of `transfers`; there where `onMissing` is `forward`. */
    forwardTo: string | undefined;
  };
  /** `null`: nobody is asked, the profile says all. */
  hooks: HookRule | null;
  /** Both from the start of the silence; `null` = never. */
  silence: { promptAfterMs: number | null; hangUpAfterMs: number | null };
  /** `undefined`: only the setting MAX_CALL_MINUTES, which holds in any case. */
  maxMinutes: number | undefined;
  /** What is done when a call of ours reaches a machine. */
  voicemail: VoicemailRule;
  /** What is read from the transcript after the call. */
  extraction: readonly ExtractionField[];
  /** At most one for each outcome. */
  followUps: readonly FollowUpRule[];
  rules: readonly CallRule[];
}

/** The backend that says at each call how the agent is. */
export interface HookRule {
  onCallStart: string;
  onToolCall: string | undefined;
  onCallEnd: string | undefined;
  /** The environment's variable that holds the secret; `undefined`: the setting WEBHOOK_SECRET. */
  secretEnv: string | undefined;
  /** Beginnings of what the start hook may forward to, beside the transfers. */
  mayForward: readonly string[];
  /** Trusted like the start hook's own. */
  allowedOrigins: readonly string[];
}

/** What it takes to cut the agent off. */
export interface BargeInRule {
  debounceMs: number;
  /** From 0 to 1: see `volumeOf` in `src/call/barge_in.ts`. */
  minVolume: number;
}

/** How the model hears that the other party has finished. */
export type TurnDetection =
  /** By what they say. */
  | { by: 'meaning'; eagerness: 'auto' | 'low' | 'medium' | 'high' }
  /** By how long they are silent. `threshold` from 0 to 1: how loud speech has to be. */
  | { by: 'silence'; silenceMs: number; threshold: number };

export interface VoicemailRule {
  policy: 'hang_up' | 'leave_message' | 'continue';
  /** A template; there is one where it is left. */
  message: string | undefined;
}

export interface RecordingRule {
  /** Only from the moment at which the disclosure has been heard. */
  afterDisclosure: boolean;
  /** `undefined`: as long as the call itself. */
  retainDays: number | undefined;
}

export interface Transfer {
  /** A `tel:`, `sip:` or `sips:` URI. */
  to: string;
  say: string | undefined;
}

/** The profile that a checked document describes. */
export function profileFrom(id: string, document: ProfileDocument): Profile {
  const transfers: Record<string, Transfer> = Object.create(null);
  for (const [name, { to, say }] of Object.entries(document.transfers)) {
    transfers[name] = { to, say };
  }
  const extraction = extractionFields(document.extraction);
  return {
    id,
    name: document.name,
    numbers: document.numbers.map((number) => toE164(number) ?? number),
    prompt: document.prompt,
    firstMessage: document.first_message,
    disclosure: document.disclosure,
    recording: recordingRule(document.recording),
    model: document.model,
    voice: document.voice,
    language: document.language,
    turnDetection: turnDetection(document.turn_detection),
    bargeIn: bargeInRule(document.barge_in),
    noiseReduction: document.noise_reduction === 'off' ? null : document.noise_reduction,
    tools: document.tools,
    lookup: document.lookup,
    speakFields: document.speak_fields,
    transfers,
    context: {
      budgetMs: document.context.budget_ms,
      onMissing: document.context.on_missing ?? (document.hooks ? 'reject' : 'answer'),
      forwardTo: document.context.forward_to,
    },
    hooks: hookRule(document.hooks),
    silence: {
      promptAfterMs: document.silence.prompt_after_s * 1_000 || null,
      hangUpAfterMs: document.silence.hang_up_after_s * 1_000 || null,
    },
    maxMinutes: document.max_minutes,
    voicemail: { policy: document.voicemail.policy, message: document.voicemail.message },
    extraction,
    followUps: followUpRulesFrom(document.followups),
    rules: callRulesFrom(document.rules, extraction),
  };
}

function recordingRule(written: ProfileDocument['recording']): RecordingRule | null {
  if (!written?.enabled) return null;
  return { afterDisclosure: written.after_disclosure, retainDays: written.retain_days };
}

function hookRule(written: ProfileDocument['hooks']): HookRule | null {
  if (!written) return null;
  return {
    onCallStart: written.on_call_start,
    onToolCall: written.on_tool_call,
    onCallEnd: written.on_call_end,
    secretEnv: written.secret_env,
    mayForward: written.may_forward,
    allowedOrigins: written.allowed_origins,
  };
}

function turnDetection(written: ProfileDocument['turn_detection']): TurnDetection {
  const { by, eagerness, silence_ms: silenceMs, threshold } = written;
  return by === 'meaning' ? { by, eagerness } : { by, silenceMs, threshold };
}

function bargeInRule(written: ProfileDocument['barge_in']): BargeInRule | null {
  return written ? { debounceMs: written.debounce_ms, minVolume: written.min_volume } : null;
}
