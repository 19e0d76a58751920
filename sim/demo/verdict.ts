import type { StoredEvent } from '../../src/store/store.ts';
import type { ReceivedEvent } from '../crm/webhook_inbox.ts';

/** What the demo has seen of its call; times are of one clock, ms since the epoch. */
export interface Evidence {
  answeredAt: number | undefined;
  context: { at: number; state: string; known: boolean } | undefined;
  /** The call's part of the ledger. */
  events: readonly Pick<StoredEvent, 'id' | 'type' | 'sequence' | 'body'>[];
  received: readonly Pick<ReceivedEvent, 'id' | 'verified' | 'raw'>[];
  refused: readonly Pick<ReceivedEvent, 'id'>[];
  tools: readonly string[];
  /** Tools that the model must have called; empty for a model that decides for itself. */
  expectedTools: readonly string[];
}

export interface Finding {
  ok: boolean;
  title: string;
  detail: string;
}

/** What Callwire promises about a call, held against what happened. */
export function judge(evidence: Evidence): Finding[] {
  return [
    contextFirst(evidence),
    sequence(evidence),
    everyEvent(evidence),
    tools(evidence),
    completion(evidence),
  ];
}

/** By its name what was not as it should be, in a sentence; `null` where all was. */
export function failureOf(findings: readonly Finding[]): string | null {
  const failed = findings.filter(({ ok }) => !ok).map(({ title }) => title);
  if (failed.length === 0) return null;
  return `${failed.length === 1 ? 'This check has' : 'These checks have'} failed: ${failed.join(', ')}.`;
}

function contextFirst({ answeredAt, context, events }: Evidence): Finding {
  const found = (ok: boolean, detail: string) => ({ ok, title: 'context first', detail });
  if (answeredAt === undefined) return found(false, 'the phone was never answered');
  if (!context) return found(false, 'the worker has never asked who calls');
  const { state, known } = context;
  if (state !== 'ready' || !known) {
    return found(false, `the caller was not known when the phone was answered (context: ${state})`);
  }
  const ahead = Math.round(answeredAt - context.at);
  if (answeredAt <= context.at) return found(false, `the answer came ${-ahead} ms too early`);
  const answered = events.find(({ type }) => type === 'call.answered');
  const recorded = answered && (JSON.parse(answered.body) as { data: { context?: string } }).data;
  if (recorded?.context !== 'ready') {
    return found(false, 'call.answered in the ledger does not say context: ready');
  }
  return found(true, `the caller was known ${ahead} ms before 200 OK`);
}

function sequence({ events }: Evidence): Finding {
  const numbers = events.flatMap(({ sequence }) => (sequence === null ? [] : [sequence]));
  const whole = numbers.length > 0 && numbers.every((number, index) => number === index + 1);
  const ended = events.filter(({ type }) => type === 'call.ended').length;
  return {
    ok: whole && ended === 1,
    title: 'ledger',
    detail: `events ${numbers.join(', ') || 'none'}; call.ended ${ended === 1 ? 'once' : `${ended} times`}`,
  };
}

/** `transcript.*` goes only to those who ask for it by name. */
export function isDelivered({ type }: Pick<StoredEvent, 'type'>): boolean {
  return !type.startsWith('transcript.');
}

function everyEvent({ events, received, refused }: Evidence): Finding {
  const expected = events.filter(isDelivered);
  const wrong = expected.flatMap((event) => {
    const arrived = received.filter(({ id }) => id === event.id);
    if (refused.some(({ id }) => id === event.id)) return [`${event.type} had a wrong signature`];
    if (arrived.length === 0) return [`${event.type} did not arrive`];
    if (arrived.some(({ raw }) => raw !== event.body)) return [`${event.type} was changed`];
    const families = arrived.flatMap(({ verified }) => Object.entries(verified));
    const missing = families.filter(([, valid]) => !valid).map(([family]) => family);
    return missing.length > 0 ? [`${event.type} lacked ${missing.join(', ')}`] : [];
  });
  const ok = wrong.length === 0 && expected.length > 0;
  const count = `${expected.length} of ${expected.length} delivered, byte for byte, all 3 signatures verified`;
  return { ok, title: 'events', detail: ok ? count : wrong.join('; ') || 'there were none' };
}

function tools({ tools, expectedTools }: Evidence): Finding {
  const missing = expectedTools.filter((name) => !tools.includes(name));
  return {
    ok: missing.length === 0,
    title: 'tools',
    detail:
      missing.length > 0
        ? `the model has not called ${missing.join(', ')}`
        : tools.join(', ') || 'none was needed',
  };
}

/** What was made of the call when it was over; a real model judges for itself. */
function completion({ events }: Evidence): Finding {
  const found = (ok: boolean, detail: string) => ({ ok, title: 'after the call', detail });
  const types = events.map(({ type }) => type);
  const completed = events.filter(({ type }) => type === 'call.completed');
  if (completed.length !== 1) return found(false, `call.completed ${completed.length} times`);
  if (types.indexOf('call.completed') < types.indexOf('call.ended')) {
    return found(false, 'call.completed stands before call.ended');
  }
  const { data } = JSON.parse(completed[0]?.body ?? '') as {
    data: { outcome?: string; extraction?: { summary?: string } | null };
  };
  return found(true, `${data.outcome}: ${data.extraction?.summary ?? 'nothing was extracted'}`);
}
