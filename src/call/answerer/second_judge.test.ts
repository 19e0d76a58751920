import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RealtimeServer } from '../../../sim/realtime/server.ts';
import { secondJudge } from './second_judge.ts';

let server: RealtimeServer;
beforeEach(async () => {
  server = await RealtimeServer.start({ scenario: '{}', apiKey: 'made-up' });
});
afterEach(() => server.stop());

const running = new AbortController().signal;

function judge(options: { apiKey?: string | undefined; limitMs?: number } = {}) {
  return secondJudge({
    baseUrl: server.url,
    apiKey: 'made-up',
    model: 'a-text-model',
    log: pino({ level: 'silent' }),
    ...options,
  });
}

describe('the text model', () => {
  it.each(['person', 'machine', 'ivr', 'screening', 'unknown'])('says %s', async (kind) => {
    server.setScenario(`answered_by: { answered_by: ${kind} }`);
    expect(await judge()('Good day from Northwind.', running)).toBe(kind);
    expect(server.chat.requests).toMatchObject([
      {
        model: 'a-text-model',
        name: 'answered_by',
        messages: [{ role: 'system' }, { role: 'user', content: 'Good day from Northwind.' }],
      },
    ]);
  });

  it.each([
    ['refuses', '{ $refuse: No. }'],
    ['is overloaded', '{ $status: 429 }'],
    ['is broken', '{ $status: 500, $body: "<html>" }'],
    ['says something else', '{ $say: "a person" }'],
    ['says a word that there is not', '{ answered_by: robot }'],
    ['is cut off', '{ $drop: true }'],
    ['does not answer in time', '{ $hang: true }'],
  ])('that %s does not know', async (_, step) => {
    server.setScenario(`answered_by: ${step}`);
    expect(await judge({ limitMs: 300 })('Good day.', running)).toBe('unknown');
  });

  it('is not asked without a key, nor waited for when nobody wants to know any more', async () => {
    expect(await judge({ apiKey: undefined })('Good day.', running)).toBe('unknown');
    expect(server.chat.requests).toEqual([]);
    server.setScenario('answered_by: { $hang: true }');
    const over = new AbortController();
    const answer = judge()('Good day.', over.signal);
    over.abort();
    expect(await answer).toBe('unknown');
  });
});
