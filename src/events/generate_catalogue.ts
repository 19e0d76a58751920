import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { CallRecord, EventDraft, StoredEvent } from '../store/store.ts';
import { CommonData, EVENTS, type EventType } from './catalogue.ts';
import { composeEvent } from './envelope.ts';
import { EXAMPLE_CALL } from './example_call.ts';
import { ANSWERED_BY_MEANINGS, END_REASON_MEANINGS, OUTCOME_MEANINGS } from './vocabulary.ts';

/*
 * Writes docs/events.md from the catalogue; `--check` only says whether it is up to date. The
 * examples are composed by the code that composes real events.
 */

const FILE = new URL('../../docs/events.md', import.meta.url);

/** The page as the catalogue says it has to be. */
export function eventsPage(): string {
  return [
    '<!-- Generated from src/events/catalogue.ts by src/events/generate_catalogue.ts. Do not edit. -->',
    '# Events',
    INTRODUCTION,
    '## Fields of every event of a call',
    '`data` always carries:',
    fieldTable(CommonData),
    '## The types',
    Object.entries(EVENTS)
      .map(([type, { meaning, status }]) => {
        const link = `[\`${type}\`](#${type.replaceAll('.', '')})`;
        return `- ${link}: ${meaning}${status === 'reserved' ? ' *(reserved)*' : ''}`;
      })
      .join('\n'),
    'A *reserved* type is fixed for receivers, but this version does not send it yet.',
    ...(Object.keys(EVENTS) as EventType[]).map(section),
    '## `end_reason`',
    'Why a call ended. A word is never reused for another meaning.',
    wordTable(END_REASON_MEANINGS),
    '## `outcome`',
    'What came of a call. A word is never reused for another meaning.',
    wordTable(OUTCOME_MEANINGS),
    '## `answered_by`',
    'Who picked up an outbound call: the last that was found out. A word is never reused for another meaning.',
    wordTable(ANSWERED_BY_MEANINGS),
    '',
  ].join('\n\n');
}

const INTRODUCTION = `Everything that happens to a call is told to your backend as an event: one \`POST\` with a JSON body.

\`\`\`
{"id", "event", "call_id", "sequence", "timestamp", "data"}
\`\`\`

- \`id\` (\`evt_…\`) is the same in every retry and replay: use it to drop repeats.
- \`sequence\` numbers the events of a call 1, 2, 3 … without a gap; deliveries may arrive in another order. Transcripts have a numbering of their own, and events of no call have none.
- \`timestamp\` is when it happened, ISO 8601 UTC.
- \`data.late: true\` marks what was only found after \`call.ended\`, when a crashed process was cleaned up.
- \`data.redacted: true\` marks, in the API, an event whose call was deleted on request: its envelope is all that is left, and it is never sent.
- A body has at most 64 KB. A longer \`transcript\` is cut in the middle; then \`transcript_truncated\` is \`true\` and \`transcript_url\` says where the API has all of it.
- Bodies may gain fields. Ignore the ones you do not know.

The endpoint of the environment and triggers on \`*\` get every type except \`transcript.*\`, which a trigger has to name.`;

function section(type: EventType): string {
  const { meaning, when, counter, status, data } = EVENTS[type];
  const notes = [
    status === 'reserved' && 'Reserved: not sent by this version yet.',
    counter === 'none' && 'Belongs to no call: `call_id` and `sequence` are `null`.',
    counter === 'transcript' && 'Takes no `sequence`.',
  ].filter((note) => note !== false);
  return [
    `### \`${type}\``,
    [meaning, ...notes].join(' '),
    `**When:** ${when}`,
    Object.keys(data.shape).length === 0 ? 'No fields besides.' : fieldTable(data),
    `\`\`\`json\n${JSON.stringify(JSON.parse(exampleBody(type)), null, 2)}\n\`\`\``,
  ].join('\n\n');
}

function wordTable(meanings: Readonly<Record<string, string>>): string {
  const rows = Object.entries(meanings).map(([word, meaning]) => `| \`${word}\` | ${meaning} |`);
  return ['| word | meaning |', '|---|---|', ...rows].join('\n');
}

function fieldTable(schema: z.ZodObject): string {
  const { properties = {}, required = [] } = z.toJSONSchema(schema);
  const rows = Object.entries(properties).map(([name, property]) => {
    const field = property as JsonSchema;
    const optional = required.includes(name) ? '' : ', may be missing';
    return `| \`${name}\` | ${typeName(field)}${optional} | ${field.description ?? ''} |`;
  });
  return ['| field | type | meaning |', '|---|---|---|', ...rows].join('\n');
}

interface JsonSchema {
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  description?: string;
  properties?: Record<string, JsonSchema>;
}

/** A long list of words has its own section below. */
const MAX_LISTED_WORDS = 5;

function typeName(field: JsonSchema): string {
  if (field.anyOf) return field.anyOf.map(typeName).join(' or ');
  if (field.const !== undefined) return `\`${JSON.stringify(field.const)}\``;
  if (field.enum && field.enum.length <= MAX_LISTED_WORDS) {
    return field.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' or ');
  }
  if (field.properties) return `object (\`${Object.keys(field.properties).join('`, `')}\`)`;
  return [field.type ?? 'any'].flat().join(' or ');
}

function exampleBody(type: EventType): string {
  const { counter, example } = EVENTS[type];
  const draft: EventDraft = { id: EXAMPLE_ID, type, time: EXAMPLE_CALL.endedAt, data: example };
  const composed = composeEvent({
    draft,
    call: counter === 'none' ? null : OUTBOUND_ONLY.has(type) ? OUTBOUND_CALL : EXAMPLE_CALL,
    sequence: counter === 'call' ? 4 : null,
    transcriptSequence: counter === 'transcript' ? 2 : null,
    late: false,
    history: { events: EXAMPLE_TRANSCRIPT, facts: [] },
  });
  if (!composed.ok) throw new Error(`the example of ${type} is wrong: ${composed.message}`);
  return composed.body;
}

const EXAMPLE_ID = 'evt_0000000000example0000000001';

const OUTBOUND_ONLY: ReadonlySet<EventType> = new Set(['call.initiated', 'call.ringing']);
const OUTBOUND_CALL: CallRecord = {
  ...EXAMPLE_CALL,
  direction: 'outbound',
  from: EXAMPLE_CALL.to,
  to: EXAMPLE_CALL.from,
};

const EXAMPLE_TRANSCRIPT: StoredEvent[] = (
  [
    ['agent', 'Hi Ada, this is Northwind. How can I help?'],
    ['caller', 'I would like to see the flat.'],
  ] as const
).map(([role, text], index) => ({
  position: index + 1,
  id: `evt_0000000000example000000001${index}`,
  callId: EXAMPLE_CALL.id,
  sequence: null,
  type: 'transcript.final',
  time: EXAMPLE_CALL.answeredAt,
  body: JSON.stringify({ data: { role, text } }),
}));

if (import.meta.main) {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  if (!values.check) {
    writeFileSync(FILE, eventsPage());
  } else if (readFileSync(FILE, 'utf8') !== eventsPage()) {
    console.error('docs/events.md is out of date: run `node src/events/generate_catalogue.ts`');
    process.exitCode = 1;
  }
}
