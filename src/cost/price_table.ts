import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import '../config/plain_messages.ts';
import { CallwireError } from '../errors.ts';
import listPrices from './prices.json' with { type: 'json' };

const price = z.number().nonnegative();

/** Per million tokens. */
const modelPrice = z.strictObject({
  input: z.strictObject({ text: price, audio: price }),
  cachedInput: z.strictObject({ text: price, audio: price }),
  output: z.strictObject({ text: price, audio: price }),
});

/** Per million tokens, or per minute of the caller's speech: the provider has both kinds. */
const transcriptionPrice = z.union(
  [
    z.strictObject({
      input: z.strictObject({ text: price, audio: price }),
      output: z.strictObject({ text: price }),
    }),
    z.strictObject({ minute: price }),
  ],
  { error: 'must be {minute} or {input: {text, audio}, output: {text}}, all numbers' },
);

const telephonyPrice = z.strictObject({
  inboundMinute: price,
  outboundMinute: price,
  /** What the carrier rounds a call up to: 60 = every minute that has begun. */
  incrementInSeconds: z.number().min(0.001),
});

/** US dollars. What it says of itself (`date`, `sources`, `note`) is for people. */
const priceTable = z.strictObject({
  date: z.iso.date(),
  sources: z.array(z.string()),
  note: z.string(),
  models: z.record(z.string(), modelPrice),
  transcription: z.record(z.string(), transcriptionPrice),
  telephony: telephonyPrice,
});

export type ModelPrice = z.infer<typeof modelPrice>;
export type TranscriptionPrice = z.infer<typeof transcriptionPrice>;
export type PriceTable = z.infer<typeof priceTable>;

/** The list prices that Callwire comes with; `prices.json` says of when. */
export const LIST_PRICES: PriceTable = priceTable.parse(listPrices);

const ownPrices = priceTable.extend({ telephony: telephonyPrice.partial() }).partial();

/**
 * The list prices, with what the operator's file says in their place: models by their name,
 * telephony by its fields.
 *
 * @throws `PRICES_INVALID`, with a line for each key that is wrong
 */
export async function loadPrices(path: string | undefined): Promise<PriceTable> {
  if (path === undefined) return LIST_PRICES;
  const name = basename(path);
  const own = ownPrices.safeParse(await readJson(path, name), { reportInput: true });
  if (!own.success) {
    throw invalid(own.error.issues.flatMap((issue) => problems(name, issue)).join('\n'));
  }
  const { models, transcription, telephony, ...about } = own.data;
  return {
    ...LIST_PRICES,
    ...defined(about),
    models: { ...LIST_PRICES.models, ...models },
    transcription: { ...LIST_PRICES.transcription, ...transcription },
    telephony: { ...LIST_PRICES.telephony, ...defined(telephony ?? {}) },
  };
}

async function readJson(path: string, name: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw invalid(`PRICES_FILE ${path}: this file cannot be read`, cause);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(`${name}: is no JSON (${(cause as Error).message})`, cause);
  }
}

function problems(name: string, issue: z.core.$ZodIssue): string[] {
  const at = (path: readonly PropertyKey[], message: string) =>
    `${name} ${path.map(String).join('.') || '(all of it)'}: ${message}`;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => at([...issue.path, key], 'is unknown: remove it'));
  }
  const isPrice = issue.code === 'invalid_type' && issue.expected === 'number';
  if (isPrice && issue.input !== undefined) {
    return [at(issue.path, 'must be a number of US dollars')];
  }
  return [at(issue.path, issue.message)];
}

function invalid(message: string, cause?: unknown): CallwireError {
  return new CallwireError('PRICES_INVALID', message, {
    remedy:
      'Correct the file that PRICES_FILE names; src/cost/prices.json shows how it is written.',
    cause,
  });
}

/** zod gives `undefined` for what was left out; spread, it would erase. */
function defined<T extends object>(value: T): { [K in keyof T]: NonNullable<T[K]> } {
  const there = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(there) as { [K in keyof T]: NonNullable<T[K]> };
}
