import { pino } from 'pino';
import { expect, it } from 'vitest';
import { type Profiles, profilesFrom } from '../config/profiles.ts';
import { CallProfiles, currentProfiles, profileRequests } from './current_profiles.ts';

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
const desk = ({ all }: Profiles) => all.find(({ id }) => id === 'desk') ?? null;
const prompts = (profiles: Profiles) => profiles.all.map(({ prompt }) => prompt);

it('a call has the profiles of the moment at which it asks', async () => {
  const { ledger, write, asked } = worker();
  const warm = await currentProfiles(ledger, null, signal);
  expect(prompts(warm)).toEqual(['First.']);
  expect(await currentProfiles(ledger, warm, signal)).toBe(warm);
  write('Second.');
  expect((await new CallProfiles(ledger, warm, { signal, log }).agent(desk))?.prompt).toBe(
    'Second.',
  );
  expect(asked).toEqual([{ version: null }, { version: warm.version }, { version: warm.version }]);
});

it('without its worker it has those that it was made with', async () => {
  const known = profilesFrom(source('First.'));
  const ledger = { request: () => Promise.reject(new Error('nobody answers')) };
  expect(await new CallProfiles(ledger, known, { signal, log }).agent(desk)).toBe(known.all[0]);
  await expect(currentProfiles(ledger, null, signal)).rejects.toThrow('nobody answers');
});

/** A worker that has no time: `answer` is when it has. */
function busyWorker() {
  const answered = Promise.withResolvers<unknown>();
  const ended = new AbortController();
  const ledger = {
    request: <T>(_method: string, _params: unknown, limit: AbortSignal) => {
      limit.addEventListener('abort', () => answered.reject(limit.reason), { once: true });
      return answered.promise as Promise<T>;
    },
  };
  return {
    ledger,
    ended,
    answer: (prompt: string) => answered.resolve({ sources: source(prompt) }),
  };
}

it('a worker that has no time holds up a call that has an agent for a moment only', async () => {
  const known = profilesFrom(source('First.'));
  const { ledger } = busyWorker();
  const limits = { withAgentMs: 1, withoutAgentMs: 60_000 };
  const profiles = new CallProfiles(ledger, known, { signal, log, limits });
  expect(await profiles.agent(desk)).toBe(known.all[0]);
});

// A profile had been written a second before somebody called its number. The worker was slower than the
// half second that it was waited for, the profiles of before had nobody for the number, and the caller
// heard the busy tone.
it('a call that no agent is known for is not turned away before the worker has answered', async () => {
  const { ledger, answer } = busyWorker();
  const limits = { withAgentMs: 1, withoutAgentMs: 60_000 };
  const profiles = new CallProfiles(ledger, profilesFrom(source('First.')), {
    signal,
    log,
    limits,
  });
  expect((await profiles.agent(desk))?.prompt).toBe('First.');
  const written = profiles.agent(({ all }) => all.find(({ prompt }) => prompt === 'New.') ?? null);
  answer('New.');
  expect((await written)?.prompt).toBe('New.');
});

it('it asks no longer than it lasts', async () => {
  const { ledger, ended } = busyWorker();
  const profiles = new CallProfiles(ledger, profilesFrom(source('First.')), {
    signal: ended.signal,
    log,
  });
  const agent = profiles.agent(desk);
  ended.abort(new Error('the call has ended'));
  await expect(agent).rejects.toThrow('the call has ended');
});
