import { describe, expect, it } from 'vitest';
import type { EventId } from '../../src/ids.ts';
import { type Evidence, failureOf, judge } from './verdict.ts';

const VALID = { standard: true, timestamped: true, plain: true };

function event(type: string, sequence: number | null, data: Record<string, unknown> = {}) {
  return { id: `evt_${type}` as EventId, type, sequence, body: JSON.stringify({ type, data }) };
}

const events = [
  event('call.started', 1),
  event('call.answered', 2, { context: 'ready' }),
  event('transcript.final', null),
  event('call.ended', 3),
  event('call.completed', 4, { outcome: 'CALLBACK', extraction: { summary: 'Call back.' } }),
];
const received = events
  .filter(({ sequence }) => sequence !== null)
  .map(({ id, body }) => ({ id, raw: body, verified: VALID }));

const good: Evidence = {
  answeredAt: 1_500,
  context: { at: 1_200, state: 'ready', known: true },
  events,
  received,
  refused: [],
  tools: ['end_call'],
  expectedTools: ['end_call'],
};

function faults(change: Partial<Evidence>): string[] {
  return judge({ ...good, ...change })
    .filter(({ ok }) => !ok)
    .map(({ title, detail }) => `${title}: ${detail}`);
}

describe('the verdict', () => {
  it('is good where the context came first and every event arrived', () => {
    expect(faults({})).toEqual([]);
  });

  it('wants the caller known before the answer, by one clock', () => {
    const late = { at: 1_700, state: 'ready', known: true };
    expect(faults({ context: late })).toEqual(['context first: the answer came 200 ms too early']);
    expect(faults({ context: undefined })).toHaveLength(1);
    expect(faults({ answeredAt: undefined })).toHaveLength(1);
    const pending = { at: 1_200, state: 'pending', known: false };
    expect(faults({ context: pending })[0]).toContain('context: pending');
  });

  it('wants the ledger to say the same', () => {
    const other = events.map((one) =>
      one.type === 'call.answered' ? event(one.type, 2, { context: 'none' }) : one,
    );
    expect(faults({ events: other })[0]).toContain('does not say context: ready');
  });

  it('names each event that is missing, changed, refused or not signed in every way', () => {
    const [first, second, third, fourth] = received;
    expect(faults({ received: [first!, second!, fourth!] })).toEqual([
      'events: call.ended did not arrive',
    ]);
    const changed = [{ ...first!, raw: '{}' }, second!, third!, fourth!];
    expect(faults({ received: changed })).toEqual(['events: call.started was changed']);
    const lacking = { ...second!, verified: { ...VALID, plain: false } };
    const unsigned = [first!, lacking, third!, fourth!];
    expect(faults({ received: unsigned })).toEqual(['events: call.answered lacked plain']);
    expect(faults({ refused: [{ id: 'evt_call.ended' }] })).toEqual([
      'events: call.ended had a wrong signature',
    ]);
  });

  it('wants numbers without a gap, one end, and the tools that were expected', () => {
    expect(faults({ events: events.slice(1), received })[0]).toContain('ledger: events 2, 3');
    expect(faults({ events: events.slice(0, 3) })).toEqual([
      'ledger: events 1, 2; call.ended 0 times',
      'after the call: call.completed 0 times',
    ]);
    expect(faults({ tools: [] })).toEqual(['tools: the model has not called end_call']);
  });

  it('says what came of the call, and wants that behind its end', () => {
    expect(judge(good).at(-1)).toEqual({
      ok: true,
      title: 'after the call',
      detail: 'CALLBACK: Call back.',
    });
    const [ended, completed] = events.slice(3);
    const swapped = [...events.slice(0, 3), completed!, ended!];
    expect(faults({ events: swapped }).at(-1)).toContain('stands before call.ended');
  });

  // With --keep the demo ended there, and did not say why.
  it('names the checks that have failed', () => {
    expect(failureOf(judge(good))).toBeNull();
    expect(failureOf(judge({ ...good, tools: [] }))).toBe('This check has failed: tools.');
    expect(failureOf(judge({ ...good, tools: [], received: [] }))).toBe(
      'These checks have failed: events, tools.',
    );
  });
});
