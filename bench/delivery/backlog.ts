import { draftEvent } from '../../src/events/catalogue.ts';
import { newId } from '../../src/ids.ts';
import type { ClaimedJob, Settlement, Store } from '../../src/store/store.ts';
import { steadyNow } from '../clock.ts';
import type { Measurement } from '../measurement.ts';
import { median, spread } from '../statistics.ts';
import { measuredIntent } from './measured_intent.ts';
import { openPiledStore } from './pile.ts';

const WAITING = 1_000_000;
/** What it is compared with: piled up in the same ways. */
const FEW = 1_000;
const ROUNDS = 200;
/** Deliveries of a round: what a busy loop claims and settles at a time. */
const BATCH = 50;
const AT_MOST = 2;

type Operation = 'append' | 'claim' | 'settle' | 'prune';

/**
 * What 1,000,000 waiting deliveries cost the store's operations: each is timed from the main thread,
 * on a store with all of them and on one with 1,000, in turns.
 */
export const backlog: Measurement = {
  name: 'backlog',
  about: 'append, claim, settle and prune with 1,000,000 waiting deliveries, to those with 1,000',
  run: async ({ quick, lab, log }) => {
    const waiting = quick ? 2_000 : WAITING;
    const few = quick ? 100 : FEW;
    const rounds = quick ? 5 : ROUNDS;
    const stores: Store[] = [];
    try {
      const warmUps = Math.ceil(rounds / 10);
      // One for each round, for pruning to remove.
      const settled = { calls: rounds + warmUps, deliveries: BATCH };
      const open = async (waiting: number) => {
        const store = await openPiledStore(await lab.folder('backlog'), { waiting, settled, log });
        stores.push(store);
        return store;
      };
      const sides = {
        many: await newSide(await open(waiting)),
        few: await newSide(await open(few)),
      };
      const times = { many: emptyTimes(), few: emptyTimes() };
      // Some in front, for statements and caches that are still cold.
      for (let round = -warmUps; round < rounds; round++) {
        for (const side of ['many', 'few'] as const) {
          const taken = await sides[side]();
          if (round < 0) continue;
          for (const name of OPERATIONS) times[side][name].push(taken[name]);
        }
      }
      log(`backlog: measured ${rounds} rounds of ${BATCH}`);
      return OPERATIONS.map((name) => ({
        what: `${name} ${BATCH} with ${named(waiting)} deliveries waiting, to that with ${named(few)}`,
        value: median(times.many[name]) / median(times.few[name]),
        unit: '×' as const,
        atMost: AT_MOST,
        n: rounds,
        failures: 0,
        details: { ...spread('many', times.many[name]), ...spread('few', times.few[name]) },
      }));
    } finally {
      for (const store of stores) await store.close();
    }
  },
};

const OPERATIONS: readonly Operation[] = ['append', 'claim', 'settle', 'prune'];

function named(count: number): string {
  return count.toLocaleString('en');
}

function emptyTimes(): Record<Operation, number[]> {
  return { append: [], claim: [], settle: [], prune: [] };
}

/** A call in the store, and one round of all operations. */
async function newSide(store: Store): Promise<() => Promise<Record<Operation, number>>> {
  const callId = newId('call');
  const time = Date.now();
  const call = { from: null, to: '+15550105001', agentId: 'bench', room: 'bench', metadata: {} };
  await store.append([
    {
      callId,
      open: { id: callId, direction: 'inbound', ...call, time },
      events: [draftEvent('call.started', {}, { time })],
    },
  ]);
  return async () => {
    const events = Array.from({ length: BATCH }, (_, n) => measuredIntent(n));
    const append = await timed(() => store.append([{ callId, events }]));
    // The loop asks both at a time.
    const claim = await timed(async () => {
      const claimed = store.claimJobs({
        limit: BATCH,
        perTarget: BATCH,
        leaseMs: 60_000,
        failing: { perTarget: 2, total: BATCH / 2 },
      });
      return (await Promise.all([claimed, store.nextDueAt()]))[0];
    });
    const jobs = claim.result;
    if (jobs.length !== BATCH) throw new Error(`claimed ${jobs.length} instead of ${BATCH}`);
    const settle = await timed(() => store.settleJobs(jobs.map(delivered)));
    // Everything that has ended is old enough; one call goes.
    const query = { what: 'calls', before: Date.now() + 1, rows: 1, after: null } as const;
    const prune = await timed(() => store.prune(query));
    if (prune.result.removed !== 1) throw new Error(`pruned ${prune.result.removed} calls, not 1`);
    return { append: append.ms, claim: claim.ms, settle: settle.ms, prune: prune.ms };
  };
}

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const startedAt = steadyNow();
  const result = await work();
  return { ms: steadyNow() - startedAt, result };
}

function delivered({ id, claimId }: ClaimedJob): Settlement {
  const response = '{"ok":true}';
  return {
    jobId: id,
    claimId,
    attempt: { at: Date.now(), durationMs: 2, status: 200, error: null, response },
    next: { state: 'done' },
  };
}
