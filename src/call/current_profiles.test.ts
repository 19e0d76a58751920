import { pino } from 'pino';
import { expect, it } from 'vitest';
import { type Profiles, profilesFrom } from '../config/profiles.ts';
import { currentProfiles, freshProfiles, profileRequests } from './current_profiles.ts';

const source = (prompt: string) => [
  { path: 'profiles/desk.yaml', text: `name: Desk\nprompt: ${prompt}\n` },
];

/** A worker whose files say something else by and by. */
function worker() {
  let sources = source('First.');
  let written = sources;
  let profiles = profilesFrom(sources);
  const requests = profileRequests({
    get version() {
      return profiles.version;
    },
    get all() {
      return profiles.all;
    },
    get sources() {
      return sources;
    },
    forNumber: (dialled) => profiles.forNumber(dialled),
    refresh: () => {
      sources = written;
      profiles = profilesFrom(sources);
      return Promise.resolve();
    },
  });
  const asked: unknown[] = [];
  return {
    asked,
    write: (prompt: string) => {
      written = source(prompt);
    },
    ledger: {
      request: <T>(method: string, params: unknown, signal: AbortSignal) => {
        asked.push(params);
        return requests[method]?.(params, signal) as Promise<T>;
      },
    },
  };
}

const signal = new AbortController().signal;
const log = pino({ level: 'silent' });
const prompts = (profiles: Profiles) => profiles.all.map(({ prompt }) => prompt);

it('a call has the profiles of the moment at which it asks', async () => {
  const { ledger, write, asked } = worker();
  const warm = await currentProfiles(ledger, null, signal);
  expect(prompts(warm)).toEqual(['First.']);
  expect(await currentProfiles(ledger, warm, signal)).toBe(warm);
  write('Second.');
  expect(prompts(await freshProfiles(ledger, warm, { signal, log }))).toEqual(['Second.']);
  expect(asked).toEqual([{ version: null }, { version: warm.version }, { version: warm.version }]);
});

it('without its worker it has those that it was made with', async () => {
  const known = profilesFrom(source('First.'));
  const ledger = { request: () => Promise.reject(new Error('nobody answers')) };
  expect(await freshProfiles(ledger, known, { signal, log })).toBe(known);
  await expect(currentProfiles(ledger, null, signal)).rejects.toThrow('nobody answers');
});

it('it asks no longer than it lasts', async () => {
  const known = profilesFrom(source('First.'));
  const ended = new AbortController();
  const ledger = {
    request: (_method: string, _params: unknown, limit: AbortSignal) =>
      new Promise<never>((_, reject) => {
        limit.addEventListener('abort', () => reject(limit.reason), { once: true });
      }),
  };
  const fresh = freshProfiles(ledger, known, { signal: ended.signal, log });
  ended.abort(new Error('the call has ended'));
  await expect(fresh).rejects.toThrow('the call has ended');
});
