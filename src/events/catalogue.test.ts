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

  it('leaves of a redacted event its envelope', () => {
    const event = { id: 'evt_1', callId: 'call_1', sequence: 3, type: 'intent.recorded' } as const;
    expect(JSON.parse(eventComposer.redact({ ...event, time: 0 }))).toEqual({
      id: 'evt_1',
      event: 'intent.recorded',
      call_id: 'call_1',
      sequence: 3,
      timestamp: '1970-01-01T00:00:00.000Z',
      data: { call_id: 'call_1', redacted: true },
    });
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
  const audience = (type: string, data = {}) =>
    eventComposer.audienceOf({ id: 'evt_1', type, time: 1, data });

  it('is everybody, but for transcripts, which have to be named', () => {
    expect(audience('call.started')).toEqual({ kind: 'subscribers', star: true, except: null });
    expect(audience('transcript.final')).toMatchObject({ star: false });
  });

  it.each(['delivery.exhausted', 'endpoint.disabled'])('is never the one %s speaks of', (type) => {
    expect(audience(type, { endpoint_id: 'whe_default:call' })).toMatchObject({
      except: 'whe_default',
    });
    expect(audience(type, { endpoint_id: 'whe_other' })).toMatchObject({ except: 'whe_other' });
  });

  it('is the tested endpoint alone', () => {
    const id = 'whe_tested';
    expect(audience('webhook.test', { endpoint_id: id })).toEqual({ kind: 'endpoint', id });
  });

  it('finds nothing stored of words so far', () => {
    expect(eventComposer.kindOf('transcript.partial')).toBeNull();
    expect(eventComposer.kindOf('constructor')).toBeNull();
  });
});
