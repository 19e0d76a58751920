import { readFile } from 'node:fs/promises';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import '../../src/config/plain_messages.ts';
import { CallwireError } from '../../src/errors.ts';
import { type ExtractionStep, extractionScript } from './extraction_script.ts';
import { checkTemplate } from './template.ts';

/** One thing the model does; a response is a list of them, in order. */
export type Step =
  | { kind: 'say'; text: string }
  | { kind: 'call'; tool: string; arguments: Record<string, unknown> }
  | { kind: 'pause'; ms: number };

/** One response of the model, and the next one, after the results of the tools it called. */
export interface Reply {
  steps: readonly Step[];
  next: Reply | undefined;
}

export interface Turn extends Reply {
  /** The transcript of whatever the caller says in this turn. */
  hears: string;
}

export interface Scenario {
  opening: Reply;
  turns: readonly Turn[];
  otherwise: Turn;
  afterTools: Reply;
  onText: readonly (Reply & { contains: string })[];
  onInstructed: Reply;
  /** `silenceMs` ends an utterance, whatever the session asks for; `undefined`: as it asks. */
  hearing: { onsetMs: number; silenceMs: number | undefined };
  /** What the text model answers after the call, request by request. */
  extraction: readonly ExtractionStep[];
  /** What it answers who is asked who has picked up, request by request. */
  answeredBy: readonly ExtractionStep[];
}

/** Says what the instructions of the response ask for. */
const INSTRUCTED = '$instructed';

const text = z
  .string()
  .min(1)
  .superRefine((value, context) => {
    try {
      checkTemplate(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
    }
  })
  .transform((value) => (value === INSTRUCTED ? '{{ instructed }}' : value));

const call = z.strictObject({
  tool: z.string().min(1),
  arguments: z.record(z.string(), z.unknown()).default({}),
});

const step = z
  .strictObject({
    say: text.optional(),
    call: call.optional(),
    pause_ms: z.int().nonnegative().optional(),
  })
  .refine((fields) => Object.values(fields).filter((field) => field !== undefined).length === 1, {
    message: 'a step is exactly one of say, call, pause_ms',
  })
  .transform((fields): Step => {
    if (fields.call) return { kind: 'call', ...fields.call };
    if (fields.pause_ms !== undefined) return { kind: 'pause', ms: fields.pause_ms };
    return { kind: 'say', text: fields.say ?? '' };
  });

const replyFields = {
  say: text.optional(),
  do: z.array(step).min(1).optional(),
  // biome-ignore lint/suspicious/noThenProperty: a word of the scenario's language; never awaited
  get then(): z.ZodOptional<z.ZodType<Reply>> {
    return reply.optional();
  },
};

interface ReplyFields {
  say?: string | undefined;
  do?: Step[] | undefined;
  then?: Reply | undefined;
}

const sayOrDo = {
  check: (fields: ReplyFields) => (fields.say === undefined) !== (fields.do === undefined),
  message: 'a reply has exactly one of say, do',
};

function toReply(fields: ReplyFields): Reply {
  const steps = fields.do ?? [{ kind: 'say' as const, text: fields.say ?? '' }];
  return { steps, next: fields.then };
}

/** A text alone is short for `{ say: text }`. */
const reply: z.ZodType<Reply> = z.preprocess(
  (value) => (typeof value === 'string' ? { say: value } : value),
  z.strictObject(replyFields).refine(sayOrDo.check, sayOrDo.message).transform(toReply),
);

const turn = z
  .strictObject({ hears: z.string().min(1).default('Hm.'), ...replyFields })
  .refine(sayOrDo.check, sayOrDo.message)
  .transform((fields): Turn => ({ hears: fields.hears, ...toReply(fields) }));

const textRule = z
  .strictObject({ contains: z.string().min(1), ...replyFields })
  .refine(sayOrDo.check, sayOrDo.message)
  .transform((fields) => ({ contains: fields.contains, ...toReply(fields) }));

const scenario = z
  .strictObject({
    opening: reply.default(says(INSTRUCTED)),
    turns: z.array(turn).default([]),
    otherwise: z
      .preprocess((value) => (typeof value === 'string' ? { say: value } : value), turn)
      .default({ hears: 'Hm.', ...says('I see.') }),
    after_tools: reply.default(says('All right.')),
    on_text: z.array(textRule).default([]),
    on_instructed: z
      .preprocess((value) => (value === 'say' ? { say: INSTRUCTED } : value), reply)
      .default(says(INSTRUCTED)),
    hearing: z
      .strictObject({
        onset_ms: z.int().min(20).default(40),
        silence_ms: z.int().min(20).optional(),
      })
      .default({ onset_ms: 40 }),
    extraction: extractionScript.default([{ kind: 'fill', values: {} }]),
    answered_by: extractionScript.default([{ kind: 'fill', values: { answered_by: 'unknown' } }]),
  })
  .transform(
    (fields): Scenario => ({
      opening: fields.opening,
      turns: fields.turns,
      otherwise: fields.otherwise,
      afterTools: fields.after_tools,
      onText: fields.on_text,
      onInstructed: fields.on_instructed,
      hearing: { onsetMs: fields.hearing.onset_ms, silenceMs: fields.hearing.silence_ms },
      extraction: fields.extraction,
      answeredBy: fields.answered_by,
    }),
  );

function says(value: string): Reply {
  return {
    steps: [{ kind: 'say', text: value === INSTRUCTED ? '{{ instructed }}' : value }],
    next: undefined,
  };
}

/**
 * Reads a scenario; its language is described in README.md beside this file.
 *
 * @param name stands in front of every line of an error, usually the file's name
 * @throws CallwireError `SIM_SCENARIO_INVALID`, listing each mistake as `name:line: where: what`
 */
export function parseScenario(yaml: string, name = 'scenario'): Scenario {
  const lines = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: lines });
  const mistakes = document.errors.map(
    (error) => `${name}:${error.linePos?.[0].line ?? 1}: ${error.message.split('\n', 1)[0]}`,
  );
  if (mistakes.length === 0) {
    const parsed = scenario.safeParse(document.toJS() ?? {});
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const line = lines.linePos(offsetOf(document, issue.path)).line;
      mistakes.push(`${name}:${line}: ${issue.path.join('.') || 'scenario'}: ${issue.message}`);
    }
  }
  throw new CallwireError('SIM_SCENARIO_INVALID', mistakes.join('\n'), {
    remedy: 'Correct the named lines; sim/realtime/README.md describes the language.',
  });
}

/** @throws CallwireError `SIM_SCENARIO_INVALID`, or `SIM_SCENARIO_UNREADABLE` for a missing file. */
export async function loadScenario(path: string): Promise<Scenario> {
  let yaml: string;
  try {
    yaml = await readFile(path, 'utf8');
  } catch (cause) {
    throw new CallwireError('SIM_SCENARIO_UNREADABLE', `cannot read the scenario ${path}`, {
      remedy: 'Give --scenario the path of a YAML file; examples are in sim/realtime/scenarios.',
      cause,
    });
  }
  return parseScenario(yaml, path);
}

/** Where the value at `path` stands, or its nearest parent that the file does have. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}
