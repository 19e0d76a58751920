import { type CallUsage, callUsage, type TranscriptionUsage } from './call_usage.ts';
import type { ModelPrice, PriceTable, TranscriptionPrice } from './price_table.ts';

/** US dollars, to the millionth. */
export interface CallCost {
  model: number;
  transcription: number;
  telephony: number;
  recording: number;
  total: number;
}

export interface CostedCall {
  direction: 'inbound' | 'outbound';
  /** `null`: it was called, and nobody saw whether it was. */
  answered: boolean | null;
  durationInSeconds: number;
  /** The row's: the last totals that the call process wrote; `null` where it wrote none. */
  usage: Record<string, unknown> | null;
}

/**
 * What a call has cost by these prices; `null` where that is not known, never a guess: no usage of
 * an answered call, a model without a price, tokens whose kind was not told, a phone that may have
 * been answered.
 *
 * - A call that was never answered cost nothing: the model is connected while it rings, but asked
 *   for nothing.
 * - Of a call whose process died the last totals count, which may be 15 s old.
 * - A recording lies in the operator's own storage. The extraction after the call is not in it.
 */
export function callCost(call: CostedCall, prices: PriceTable): CallCost | null {
  if (call.answered === null) return null;
  if (!call.answered) return sum({ model: 0, transcription: 0, telephony: 0, recording: 0 });
  const usage = callUsage.safeParse(call.usage).data;
  if (!usage) return null;
  const model = modelCost(usage, named(prices.models, usage.model));
  const transcription = transcriptionCost(usage.transcription, prices);
  if (model === null || transcription === null) return null;
  return sum({ model, transcription, telephony: telephonyCost(call, prices), recording: 0 });
}

/**
 * Cached tokens are part of the others, at a price of their own. What the output holds beside text
 * and audio is reasoning, which is charged as text. Anything else in the input (images) has no price
 * here.
 */
function modelCost(usage: CallUsage, price: ModelPrice | null): number | null {
  const { inputTextTokens, inputAudioTokens, outputAudioTokens } = usage;
  const { inputCachedTextTokens: cachedText, inputCachedAudioTokens: cachedAudio } = usage;
  const outputText = usage.outputTokens - outputAudioTokens;
  const allKindsTold =
    inputTextTokens + inputAudioTokens === usage.inputTokens &&
    cachedText + cachedAudio === usage.inputCachedTokens &&
    cachedText <= inputTextTokens &&
    cachedAudio <= inputAudioTokens &&
    outputText >= usage.outputTextTokens;
  if (price === null || !allKindsTold) return null;
  return perMillion(
    (inputTextTokens - cachedText) * price.input.text +
      (inputAudioTokens - cachedAudio) * price.input.audio +
      cachedText * price.cachedInput.text +
      cachedAudio * price.cachedInput.audio +
      outputText * price.output.text +
      outputAudioTokens * price.output.audio,
  );
}

function transcriptionCost(usage: TranscriptionUsage | null, prices: PriceTable): number | null {
  if (usage === null) return 0;
  if (usage.untold > 0) return null;
  const used = usage.inputTextTokens + usage.inputAudioTokens + usage.outputTokens + usage.seconds;
  if (used === 0) return 0;
  const price: TranscriptionPrice | null = named(prices.transcription, usage.model);
  if (price === null) return null;
  if ('minute' in price) {
    // Tokens say nothing of minutes, nor minutes of tokens.
    return usage.seconds > 0 ? (usage.seconds / 60) * price.minute : null;
  }
  if (usage.seconds > 0) return null;
  return perMillion(
    usage.inputTextTokens * price.input.text +
      usage.inputAudioTokens * price.input.audio +
      usage.outputTokens * price.output.text,
  );
}

function telephonyCost({ direction, durationInSeconds }: CostedCall, { telephony }: PriceTable) {
  const { incrementInSeconds, inboundMinute, outboundMinute } = telephony;
  // Whoever answers and hangs up at once has begun an increment.
  const increments = Math.max(1, Math.ceil(durationInSeconds / incrementInSeconds));
  const billed = increments * incrementInSeconds;
  return (billed / 60) * (direction === 'inbound' ? inboundMinute : outboundMinute);
}

function sum(parts: Omit<CallCost, 'total'>): CallCost {
  const model = rounded(parts.model);
  const transcription = rounded(parts.transcription);
  const telephony = rounded(parts.telephony);
  const recording = rounded(parts.recording);
  const total = rounded(model + transcription + telephony + recording);
  return { model, transcription, telephony, recording, total };
}

function rounded(dollars: number): number {
  return Math.round(dollars * 1e6) / 1e6;
}

function perMillion(dollars: number): number {
  return dollars / 1e6;
}

/** A name comes from a profile: `constructor` has no price. */
function named<T>(table: Record<string, T>, name: string): T | null {
  return Object.hasOwn(table, name) ? (table[name] ?? null) : null;
}
