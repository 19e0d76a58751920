import { z } from 'zod';
import type { ExtractionField } from '../config/extraction_fields.ts';
import { bearer, errorCode, exchange, isTimeout } from '../crm/http_exchange.ts';
import { parseRetryAfter } from '../delivery/retry_schedule.ts';
import {
  extractionMessages,
  type Message,
  repairMessages,
  type TranscribedCall,
} from './extraction_prompt.ts';
import { type ExtractionSchema, extractionSchema } from './extraction_schema.ts';
import type { ModelOutcome } from './outcome.ts';

/** What one attempt came to. `code` is stable; `status` is the model's HTTP status, where one came. */
export type Extraction =
  | { kind: 'extracted'; outcome: ModelOutcome; extraction: Record<string, unknown> }
  /** The model has answered, and the same question would get the same answer. */
  | { kind: 'none'; code: string; status: number | null; response?: string }
  /** The model is overloaded or cannot be reached. */
  | { kind: 'retry'; code: string; status: number | null; retryAfterMs?: number };

export interface ExtractorOptions {
  /** `OPENAI_BASE_URL` */
  baseUrl: string;
  apiKey: string;
  /** `EXTRACTION_MODEL` */
  model: string;
  /** In which "tomorrow at ten" is meant. (Default: this machine's) */
  timeZone?: string;
  /** One request, milliseconds. A model that reasons about a long call takes ten seconds. (Default: 25 s) */
  requestLimitMs?: number;
}

/** A filled-in form has 16 KB; a server that sends much more sends something else. */
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_KEPT_CHARACTERS = 1_000;

/**
 * Reads a transcript with a text model:
 *
 * ```
 * request ── fits the schema ───────────────────────────────────────────► extracted
 *    │  └── does not ── second request, which says what is wrong ─ fits ─► extracted
 *    │                                     └── does not, either ─────────► none
 *    ├── 429, 5xx, no connection, no answer in time ─────────────────────► retry
 *    └── anything else: refused, filtered, cut off, HTML, 400, 401 … ────► none
 * ```
 */
export class Extractor {
  readonly #url: URL;
  readonly #headers: Record<string, string>;
  readonly #model: string;
  readonly #timeZone: string;
  readonly #requestLimitMs: number;

  constructor(options: ExtractorOptions) {
    this.#url = new URL(`${options.baseUrl}/chat/completions`);
    this.#headers = bearer(options.apiKey);
    this.#model = options.model;
    this.#timeZone = options.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
    this.#requestLimitMs = options.requestLimitMs ?? 25_000;
  }

  /** Never rejects; ends with `signal`, as a `retry`. */
  async extract(
    call: TranscribedCall,
    fields: readonly ExtractionField[],
    signal: AbortSignal,
  ): Promise<Extraction> {
    const schema = extractionSchema(fields);
    const messages = extractionMessages(call, this.#timeZone);
    const first = await this.#ask(messages, schema, signal);
    if (first.kind !== 'content') return first;
    const answer = judged(first.content, schema);
    if (answer.ok) return { kind: 'extracted', ...answer.value };
    const mended = repairMessages(messages, first.content, answer.problems);
    const second = await this.#ask(mended, schema, signal);
    if (second.kind !== 'content') return second;
    const repaired = judged(second.content, schema);
    if (repaired.ok) return { kind: 'extracted', ...repaired.value };
    return { kind: 'none', code: 'schema', status: 200 };
  }

  async #ask(
    messages: readonly Message[],
    schema: ExtractionSchema,
    signal: AbortSignal,
  ): Promise<Exclude<Extraction, { kind: 'extracted' }> | { kind: 'content'; content: string }> {
    const limit = AbortSignal.timeout(this.#requestLimitMs);
    try {
      const { status, headers, text, cut } = await exchange({
        url: this.#url,
        headers: this.#headers,
        // No temperature and no limit of tokens: models that reason refuse them.
        body: {
          model: this.#model,
          messages,
          response_format: {
            type: 'json_schema',
            json_schema: { name: 'call', strict: true, schema: schema.json },
          },
        },
        limitInBytes: MAX_ANSWER_BYTES,
        signal: AbortSignal.any([signal, limit]),
      });
      if (status === 429 || status >= 500) {
        const retryAfterMs = parseRetryAfter(headers['retry-after'], Date.now());
        return {
          kind: 'retry',
          code: 'status',
          status,
          ...(retryAfterMs !== undefined && { retryAfterMs }),
        };
      }
      if (status < 200 || status > 299) {
        return {
          kind: 'none',
          code: 'status',
          status,
          response: text.replaceAll('\0', '').slice(0, MAX_KEPT_CHARACTERS),
        };
      }
      const said = cut ? null : completion.safeParse(parsedJson(text)).data;
      return said
        ? contentOf(said.choices[0], status)
        : { kind: 'none', code: 'invalid_answer', status };
    } catch (error) {
      if (errorCode(error) === 'UND_ERR_INVALID_ARG') {
        return { kind: 'none', code: 'invalid_request', status: null };
      }
      const timedOut = signal.aborted || limit.aborted || isTimeout(error);
      return { kind: 'retry', code: timedOut ? 'timeout' : 'connection', status: null };
    }
  }
}

const choice = z.object({
  finish_reason: z.string().nullish(),
  message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
});

const completion = z.object({ choices: z.tuple([choice], z.unknown()) });

function contentOf({ finish_reason, message }: z.infer<typeof choice>, status: number) {
  const none = (code: string) => ({ kind: 'none' as const, code, status });
  if (message.refusal) return none('refused');
  if (finish_reason === 'content_filter') return none('content_filter');
  if (finish_reason === 'length') return none('truncated');
  if (!message.content) return none('invalid_answer');
  return { kind: 'content' as const, content: message.content };
}

type Judged =
  | { ok: true; value: { outcome: ModelOutcome; extraction: Record<string, unknown> } }
  | { ok: false; problems: string[] };

function judged(content: string, schema: ExtractionSchema): Judged {
  const answer = parsedJson(content);
  if (answer === undefined) return { ok: false, problems: ['the answer is no JSON'] };
  const checked = schema.check(answer);
  if (!checked.ok) return checked;
  const { outcome, extraction } = checked;
  return { ok: true, value: { outcome, extraction } };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
