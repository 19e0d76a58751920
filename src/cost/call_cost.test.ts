import { expect, test } from 'vitest';
import { type CostedCall, callCost } from './call_cost.ts';
import { LIST_PRICES, type PriceTable } from './price_table.ts';

/** Made up, in round figures. */
const PRICES: PriceTable = {
  ...LIST_PRICES,
  models: {
    speaker: {
      input: { text: 4, audio: 32 },
      cachedInput: { text: 0.4, audio: 0.5 },
      output: { text: 16, audio: 64 },
    },
  },
  transcription: {
    tokens: { input: { text: 1, audio: 3 }, output: { text: 5 } },
    minutes: { minute: 0.006 },
  },
  telephony: { inboundMinute: 0.01, outboundMinute: 0.02, incrementInSeconds: 60 },
};

const USED = {
  model: 'speaker',
  inputTokens: 30_000,
  inputTextTokens: 10_000,
  inputAudioTokens: 20_000,
  inputCachedTokens: 12_000,
  inputCachedTextTokens: 4_000,
  inputCachedAudioTokens: 8_000,
  outputTokens: 5_000,
  outputTextTokens: 1_000,
  outputAudioTokens: 4_000,
};

const HEARD = { model: 'tokens', inputAudioTokens: 600, outputTokens: 200 };

const call = (change: Partial<CostedCall> = {}): CostedCall => ({
  direction: 'inbound',
  answered: true,
  durationInSeconds: 61,
  usage: { ...USED, transcription: HEARD },
  ...change,
});

const used = (change: Record<string, unknown>) => call({ usage: { ...USED, ...change } });

test('every kind of token has its price, and a minute that has begun counts', () => {
  // 6,000 × 4 + 12,000 × 32 + 4,000 × 0.4 + 8,000 × 0.5 + 1,000 × 16 + 4,000 × 64 = 685,600
  expect(callCost(call(), PRICES)).toEqual({
    model: 0.6856,
    transcription: 0.0028,
    telephony: 0.02,
    recording: 0,
    total: 0.7084,
  });
});

test('directions have prices of their own', () => {
  const cost = callCost(call({ direction: 'outbound', durationInSeconds: 0.4 }), PRICES);
  expect(cost?.telephony).toBe(0.02);
});

test('a carrier that counts seconds is believed', () => {
  const telephony = { ...PRICES.telephony, incrementInSeconds: 1 };
  expect(callCost(call(), { ...PRICES, telephony })?.telephony).toBe(0.010_167);
});

test('a call that nobody answered cost nothing', () => {
  expect(callCost(call({ answered: false, usage: null }), PRICES)).toEqual({
    model: 0,
    transcription: 0,
    telephony: 0,
    recording: 0,
    total: 0,
  });
});

test('transcription by the minute', () => {
  const cost = callCost(used({ transcription: { model: 'minutes', seconds: 90 } }), PRICES);
  expect(cost?.transcription).toBe(0.009);
});

test('what was not used costs nothing, whatever its model', () => {
  expect(callCost(used({ transcription: { model: 'unknown' } }), PRICES)?.transcription).toBe(0);
  expect(callCost(used({ transcription: null }), PRICES)?.transcription).toBe(0);
});

test('reasoning is charged as text', () => {
  const cost = callCost(used({ outputTokens: 6_000, transcription: null }), PRICES);
  expect(cost?.model).toBe(0.7016);
});

test.each([
  ['no usage was written', call({ usage: null })],
  ['nobody saw whether it was answered', call({ answered: null, usage: null })],
  ['the model has no price', used({ model: 'gpt-of-tomorrow' })],
  ['the model is called like a property', used({ model: 'constructor' })],
  ['some input is neither text nor audio', used({ inputTokens: 31_000 })],
  ['it is not told what was cached', used({ inputCachedTokens: 13_000 })],
  ['the transcription has no price', used({ transcription: { ...HEARD, model: 'unknown' } })],
  ['an utterance did not say what it used', used({ transcription: { ...HEARD, untold: 1 } })],
  [
    'minutes are charged, and tokens were told',
    used({ transcription: { ...HEARD, model: 'minutes' } }),
  ],
  [
    'tokens are charged, and minutes were told',
    used({ transcription: { model: 'tokens', seconds: 9 } }),
  ],
])('null, not a guess, where %s', (_, costed) => {
  expect(callCost(costed, PRICES)).toBeNull();
});

test('the model of a profile has a list price', () => {
  expect(callCost(used({ model: 'gpt-realtime', transcription: null }), LIST_PRICES)?.model).toBe(
    0.6848,
  );
});
