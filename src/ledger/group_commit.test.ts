import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { CallwireError } from '../errors.ts';
import { newId } from '../ids.ts';
import type { Append } from '../store/store.ts';
import { GroupCommit } from './group_commit.ts';
import { opening, utterance } from './testing/appends.ts';
import { fakeStore } from './testing/fake_store.ts';

function setUp() {
  const fake = fakeStore();
  return { fake, commits: new GroupCommit({ store: fake.store, retryFirstMs: 1 }) };
}

describe('GroupCommit', () => {
  it('makes one batch of everything that comes while another is in flight', async () => {
    const { fake, commits } = setUp();
    const callId = newId('call');
    const letGo = fake.hang();
    const first = commits.append(opening(callId), 'a');
    await vi.waitFor(() => expect(fake.batches).toEqual([])); // in flight, hanging
    await new Promise(setImmediate);
    const rest = [1, 2, 3, 4].map((i) => commits.append(utterance(callId, `${i}`), 'a'));
    letGo();
    await Promise.all([first, ...rest]);
    expect(fake.batches).toEqual([1, 4]);
  });

  it('has two batches in flight, but of one lane never two appends that could overtake', async () => {
    const { fake, commits } = setUp();
    const [a, b, c] = [newId('call'), newId('call'), newId('call')];
    const letGo = fake.hang();
    const sent = [commits.append(opening(a), a)];
    await new Promise(setImmediate);
    sent.push(commits.append(utterance(a, 'behind'), a), commits.append(opening(b), b));
    await new Promise(setImmediate);
    sent.push(commits.append(opening(c), c), commits.append(utterance(b, 'behind'), b));
    await new Promise(setImmediate);
    letGo();
    await Promise.all(sent);
    // Those behind them are of lanes that were busy, or the third batch.
    expect(fake.batches.slice(0, 2)).toEqual([1, 1]);
    expect(fake.committed).toHaveLength(5);
    expect(fake.types(b)).toEqual(['call.started', 'transcript.final']);
    expect(fake.types(a)).toEqual(['call.started', 'transcript.final']);
  });

  it('finds what the store chokes on while batches beside it succeed', async () => {
    const fake = fakeStore();
    const [bad, good] = [newId('call'), newId('call')];
    const others = Array.from({ length: 8 }, () => newId('call'));
    const poison = utterance(bad, 'poison');
    const isPoison = (append: Append) => append.events?.[0]?.id === poison.events[0].id;
    fake.chokeOn(isPoison);
    // Slower than the wait behind a failure, so that there is nearly always one that succeeds behind it.
    const append = async (batch: readonly Append[]) => {
      await sleep(5);
      return await fake.store.append(batch);
    };
    const commits = new GroupCommit({ store: { append }, retryFirstMs: 1 });
    await Promise.all([bad, good, ...others].map((id) => commits.append(opening(id), id)));
    const stuck = commits.append(poison, bad);
    const beside = commits.append(utterance(good, 'in the same batch'), good);
    let isFound = false;
    const busy = others.map(async (id, lane) => {
      for (let i = 0; !isFound; i++) {
        await commits.append(utterance(id, `${i}`), id);
        await sleep(lane);
      }
    });
    await beside;
    isFound = true;
    fake.chokeOn(null);
    await Promise.all([stuck, ...busy]);
    expect(fake.types(bad)).toEqual(['call.started', 'transcript.final']);
  });

  it('loses and reorders nothing while the store fails, and acknowledges nothing', async () => {
    const { fake, commits } = setUp();
    const callId = newId('call');
    await commits.append(opening(callId), 'a');
    fake.failWith(new Error('disk full'));
    const appends = Array.from({ length: 20 }, (_, i) => utterance(callId, `${i}`));
    const settled: number[] = [];
    const all = appends.map((append, i) =>
      commits.append(append, i % 2).then((result) => {
        settled.push(i);
        return result;
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(settled).toEqual([]);
    expect(commits.failure).toEqual(new Error('disk full'));
    fake.failWith(null);
    expect(await Promise.all(all)).toEqual(all.map(() => ({ status: 'appended' })));
    expect(fake.committed.slice(1)).toEqual(appends.map(({ events }) => events[0].id));
    expect(commits.failure).toBeNull();
  });

  it('lets an append that the store chokes on hold up only its own lane', async () => {
    const { fake, commits } = setUp();
    const [bad, good] = [newId('call'), newId('call')];
    await Promise.all([commits.append(opening(bad), bad), commits.append(opening(good), good)]);
    const poison = utterance(bad, 'poison');
    fake.chokeOn((append) => append.events?.[0]?.id === poison.events[0].id);
    const behind = utterance(bad, 'behind the poison');
    const stuck = [commits.append(poison, bad), commits.append(behind, bad)];
    const free = Array.from({ length: 5 }, (_, i) => commits.append(utterance(good, `${i}`), good));
    await Promise.all(free);
    expect(fake.committed).not.toContain(behind.events[0].id);
    fake.chokeOn(null);
    await Promise.all(stuck);
    expect(fake.committed.slice(-2)).toEqual([poison.events[0].id, behind.events[0].id]);
  });

  /*
   * A database that has become read-only rejects with an error that is not retryable, for a reader
   * that asked it something. Once that was taken for a verdict on the append: a batch of one was
   * answered `refused`, its writer dropped it from the spool, and it was gone.
   */
  it('takes no rejection for a refusal, also where the error says not to retry', async () => {
    const { fake, commits } = setUp();
    const callId = newId('call');
    fake.failWith(new CallwireError('STORE_NOT_WRITABLE', 'read-only', { retryable: false }));
    const result = commits.append(opening(callId), 'a');
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(fake.committed).toEqual([]);
    fake.failWith(null);
    expect(await result).toEqual({ status: 'appended' });
    expect(fake.types(callId)).toEqual(['call.started']);
  });

  it('passes on what the store refuses', async () => {
    const { commits } = setUp();
    await expect(commits.append(utterance(newId('call'), 'a'), 'a')).resolves.toMatchObject({
      status: 'refused',
      code: 'CALL_UNKNOWN',
    });
  });

  it('commits what waits when it is closed, and gives up on a store that hangs', async () => {
    const { fake, commits } = setUp();
    const callId = newId('call');
    const result = commits.append(opening(callId), 'a');
    await commits.close({ deadlineMs: 5_000 });
    expect(await result).toEqual({ status: 'appended' });

    const hanging = new GroupCommit({ store: fake.store });
    fake.hang();
    void hanging.append(utterance(callId, 'never'), 'a');
    await hanging.close({ deadlineMs: 10 });
    expect(fake.committed).toHaveLength(1);
  });
});
