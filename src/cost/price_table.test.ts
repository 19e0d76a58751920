import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LIST_PRICES, loadPrices } from './price_table.ts';

async function load(content: unknown) {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'callwire-prices-'));
  const path = join(dir.path, 'prices.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return await loadPrices(path);
}

const refusal = (content: unknown) =>
  load(content).then(
    () => 'accepted',
    (error) => error.message as string,
  );

const OWN = {
  input: { text: 1, audio: 2 },
  cachedInput: { text: 0.1, audio: 0.2 },
  output: { text: 3, audio: 4 },
};

test('without a file the list prices hold', async () => {
  expect(await loadPrices(undefined)).toBe(LIST_PRICES);
});

test('a file takes the place of what it names, and leaves the rest', async () => {
  const prices = await load({
    date: '2027-01-01',
    models: { 'gpt-realtime': OWN, 'my-model': OWN },
    telephony: { inboundMinute: 0.004 },
  });
  expect(prices.date).toBe('2027-01-01');
  expect(prices.models['gpt-realtime']).toEqual(OWN);
  expect(prices.models['my-model']).toEqual(OWN);
  expect(prices.models['gpt-realtime-mini']).toEqual(LIST_PRICES.models['gpt-realtime-mini']);
  expect(prices.telephony).toEqual({ ...LIST_PRICES.telephony, inboundMinute: 0.004 });
  expect(prices.transcription).toEqual(LIST_PRICES.transcription);
});

test('a wrong file is described key by key', async () => {
  const lines = await refusal({
    models: { mine: { ...OWN, input: { text: '1', audio: -2 } }, yours: { input: OWN.input } },
    transcription: { mine: { hour: 1 } },
    telephony: { perMinute: 1 },
    currency: 'EUR',
  });
  expect(lines.split('\n').sort()).toEqual([
    'prices.json currency: is unknown: remove it',
    'prices.json models.mine.input.audio: must be at least 0',
    'prices.json models.mine.input.text: must be a number of US dollars',
    'prices.json models.yours.cachedInput: is missing',
    'prices.json models.yours.output: is missing',
    'prices.json telephony.perMinute: is unknown: remove it',
    'prices.json transcription.mine: must be {minute} or {input: {text, audio}, output: {text}}, all numbers',
  ]);
  expect(await refusal('{"models":')).toMatch(/^prices\.json: is no JSON/);
  expect(await refusal([])).toBe('prices.json (all of it): must be a group of keys');
});

test('a file that is not there stops the start', async () => {
  await expect(loadPrices('/nonexistent/prices.json')).rejects.toMatchObject({
    code: 'PRICES_INVALID',
    message: 'PRICES_FILE /nonexistent/prices.json: this file cannot be read',
  });
});
