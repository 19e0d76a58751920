import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { draftEvent, EVENTS } from './catalogue.ts';
import { eventComposer } from './composer.ts';
import { eventsPage } from './generate_catalogue.ts';

describe('the catalogue', () => {
  it('is what docs/events.md shows', () => {
    const page = readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8');
    expect(page, 'run `node src/events/generate_catalogue.ts`').toBe(eventsPage());
  });

  it('names only fields of its own as derived', () => {
    for (const [type, { data, derived }] of Object.entries(EVENTS)) {
      for (const field of derived) expect(Object.keys(data.shape), type).toContain(field);
    }
  });

  it('describes every field', () => {
    for (const [type, { data }] of Object.entries(EVENTS)) {
      for (const [name, field] of Object.entries(data.shape)) {
        expect(field.description, `${type}.${name}`).toBeTruthy();
      }
    }
  });

  it('lets the compiler check what a writer gives', () => {
    const { id, ...draft } = draftEvent('call.ended', { end_reason: 'silence' }, { time: 5 });
    expect(id).toMatch(/^evt_/);
    expect(draft).toEqual({ type: 'call.ended', time: 5, data: { end_reason: 'silence' } });
    // @ts-expect-error the store derives the duration
    draftEvent('call.ended', { end_reason: 'silence', duration_seconds: 3 });
    // @ts-expect-error not a reason
    draftEvent('call.ended', { end_reason: 'boredom' });
  });
});

describe('who hears of an event', () => {
  const reaches = (type: string, data = {}) =>
    eventComposer.reaches({ id: 'evt_1', type, time: 1, data }, 'whe_default');

  it('is told everything but transcripts', () => {
    expect(reaches('call.started')).toBe(true);
    expect(reaches('transcript.final')).toBe(false);
  });

  it('is never told of its own failed deliveries', () => {
    expect(reaches('delivery.exhausted', { endpoint_id: 'whe_default' })).toBe(false);
    expect(reaches('delivery.exhausted', { endpoint_id: 'whe_default:call' })).toBe(false);
    expect(reaches('delivery.exhausted', { endpoint_id: 'whe_other' })).toBe(true);
  });

  it('finds nothing stored of words so far', () => {
    expect(eventComposer.kindOf('transcript.partial')).toBeNull();
    expect(eventComposer.kindOf('constructor')).toBeNull();
  });
});
