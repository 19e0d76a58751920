import { describe, expect, it } from 'vitest';
import { END_REASONS, type EndReason, type Outcome } from '../events/vocabulary.ts';
import { type ModelOutcome, outcomeOf } from './outcome.ts';

const ended = (endReason: EndReason, rest: Partial<Parameters<typeof outcomeOf>[0]> = {}) => ({
  direction: 'inbound' as const,
  answered: true,
  endReason,
  ...rest,
});

describe('the outcome of a call', () => {
  it.each<[EndReason, Outcome]>([
    ['no_answer', 'NO_ANSWER'],
    ['busy', 'BUSY'],
    ['voicemail', 'VOICEMAIL'],
    ['transferred', 'TRANSFERRED'],
    ['transfer_unconfirmed', 'TRANSFERRED'],
    ['forwarded', 'TRANSFERRED'],
    ['dial_failed', 'FAILED'],
    ['invalid_number', 'FAILED'],
    ['blocked', 'FAILED'],
    ['no_capacity', 'FAILED'],
  ])('after %s is %s, whatever a model thinks', (reason, outcome) => {
    expect(outcomeOf(ended(reason), null)).toBe(outcome);
    expect(outcomeOf(ended(reason), 'INTERESTED')).toBe(outcome);
  });

  it.each<EndReason>(['caller_hung_up', 'agent_hung_up', 'max_duration', 'silence', 'worker_lost'])(
    'after %s is what the model has judged',
    (reason) => expect(outcomeOf(ended(reason), 'APPOINTMENT')).toBe('APPOINTMENT'),
  );

  it.each<[EndReason, Outcome]>([
    ['caller_hung_up', 'UNKNOWN'],
    ['agent_hung_up', 'UNKNOWN'],
    ['silence', 'UNKNOWN'],
    ['worker_lost', 'FAILED'],
    ['model_unavailable', 'FAILED'],
    ['media_lost', 'FAILED'],
    ['error', 'FAILED'],
  ])('without a judgement after %s is %s', (reason, outcome) => {
    expect(outcomeOf(ended(reason), null)).toBe(outcome);
    expect(outcomeOf(ended(reason), 'UNKNOWN')).toBe(outcome);
  });

  it('of a missed call is that nobody answered it', () => {
    expect(outcomeOf(ended('caller_hung_up', { answered: false }), null)).toBe('NO_ANSWER');
    expect(outcomeOf(ended('worker_lost', { answered: false }), null)).toBe('FAILED');
    expect(outcomeOf(ended('context_unavailable', { answered: false }), null)).toBe('FAILED');
  });

  it('of a call that a machine answered is that, unless the model knows more', () => {
    const hungUp = ended('caller_hung_up', { direction: 'outbound', answeredBy: 'machine' });
    expect(outcomeOf(hungUp, null)).toBe('VOICEMAIL');
    expect(outcomeOf(hungUp, 'UNKNOWN')).toBe('VOICEMAIL');
    expect(outcomeOf(hungUp, 'DNC')).toBe('DNC');
    expect(outcomeOf(ended('caller_hung_up', { answeredBy: 'person' }), null)).toBe('UNKNOWN');
  });

  it('of one that was cancelled before the answer is no failure that is tried again', () => {
    const cancelled = ended('ended_by_api', { direction: 'outbound', answered: false });
    expect(outcomeOf(cancelled, null)).toBe('UNKNOWN');
  });

  it('of a declined call depends on who declined', () => {
    const declined = ended('rejected', { answered: false });
    expect(outcomeOf(declined, null)).toBe('FAILED');
    expect(outcomeOf({ ...declined, direction: 'outbound' }, null)).toBe('BUSY');
  });

  it('is the wish not to be called, even where the call was put through', () => {
    expect(outcomeOf(ended('transferred'), 'DNC')).toBe('DNC');
    expect(outcomeOf(ended('voicemail'), 'DNC')).toBe('VOICEMAIL');
  });

  it('is there for every reason, also for one of a newer version', () => {
    const models: (ModelOutcome | null)[] = [null, 'RESOLVED'];
    for (const endReason of [...END_REASONS, 'reason_of_tomorrow', null]) {
      for (const model of models) {
        const call = { direction: 'outbound' as const, answered: false, endReason };
        expect(outcomeOf(call, model), String(endReason)).toMatch(/^[A-Z_]+$/);
      }
    }
  });
});
