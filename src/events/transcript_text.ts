import { z } from 'zod';
import type { StoredEvent } from '../store/store.ts';

/** A line for each utterance, in the order in which they were finished. */
export function transcriptText(events: readonly StoredEvent[]): string {
  return events
    .filter(({ type }) => type === 'transcript.final')
    .map(({ body }) => Utterance.parse(JSON.parse(body)).data)
    .map(({ role, text }) => `${SPEAKERS[role]}: ${text.replace(/\s*[\r\n]+\s*/g, ' ').trim()}`)
    .join('\n');
}

/**
 * The head and the tail of `text` with a line `[…]` between them, so that it takes at most
 * `maxBytes` inside a JSON string. How a call began and how it ended tell more than its middle.
 */
export function cutMiddle(text: string, maxBytes: number): string {
  if (jsonBytes(text) <= maxBytes) return text;
  const half = Math.floor((maxBytes - jsonBytes(GAP)) / 2);
  if (half <= 0) return '';
  const head = longest(text.length, (length) => jsonBytes(text.slice(0, length)) <= half);
  const tail = longest(
    text.length,
    (length) => jsonBytes(text.slice(text.length - length)) <= half,
  );
  return withoutHalves(text.slice(0, head)) + GAP + withoutHalves(text.slice(text.length - tail));
}

const SPEAKERS = { agent: 'Agent', caller: 'Caller' };
const GAP = '\n[…]\n';
const Utterance = z.object({
  data: z.object({ role: z.enum(['agent', 'caller']), text: z.string() }),
});

/** Escapes make a text longer: a line break takes two bytes, a control character six. */
function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2;
}

/** The greatest length up to `max` that fits, where every shorter one fits as well. */
function longest(max: number, fits: (length: number) => boolean): number {
  let [low, high] = [0, max];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A cut may leave half of a surrogate pair at its edge. */
function withoutHalves(text: string): string {
  return text.replace(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/g, '');
}
