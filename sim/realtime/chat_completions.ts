import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { ExtractionStep } from './extraction_script.ts';
import { serverId } from './protocol.ts';
import { clock } from './session_log.ts';
import { filledIn, type JsonSchema, strictProblems } from './strict_schema.ts';
import { textTokens } from './tokens.ts';

/** A request as it was asked, for tests to look at. */
export interface ChatRequest {
  at: number;
  model: string;
  messages: readonly { role: string; content: string }[];
  schema: JsonSchema;
  /** The form's. */
  name: string;
  /** What the model said; `undefined` where it did not answer like one. */
  said: string | undefined;
}

const requestBody = z.looseObject({
  model: z.string().min(1),
  messages: z.array(z.object({ role: z.string(), content: z.string() })).min(1),
  response_format: z.object({
    type: z.literal('json_schema'),
    json_schema: z.object({
      name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
      strict: z.literal(true),
      schema: z.record(z.string(), z.unknown()),
    }),
  }),
});

/** What is answered after a call, and while it is being found out who has answered one. */
export interface ChatScripts {
  extraction: readonly ExtractionStep[];
  answeredBy: readonly ExtractionStep[];
}

/** The name of the form that asks who has answered. */
const ANSWERED_BY = 'answered_by';

/**
 * `POST /v1/chat/completions` with structured outputs: refuses what OpenAI refuses, and answers
 * with the steps of the form's script, in the order of the requests.
 */
export class ChatCompletions {
  readonly requests: ChatRequest[] = [];
  #scripts: ChatScripts;
  #next = { extraction: 0, answeredBy: 0 };

  constructor(scripts: ChatScripts) {
    this.#scripts = scripts;
  }

  /** From their first steps on. */
  setScripts(scripts: ChatScripts): void {
    this.#scripts = scripts;
    this.#next = { extraction: 0, answeredBy: 0 };
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parsed = requestBody.safeParse(parsedJson(await text(request)));
    if (!parsed.success) return refuse(response, z.prettifyError(parsed.error));
    const { model, messages, response_format: format } = parsed.data;
    const schema = format.json_schema.schema as JsonSchema;
    const problems = strictProblems(schema);
    if (problems.length > 0) {
      return refuse(response, `Invalid schema for response_format: ${problems.join('; ')}`);
    }
    const { name } = format.json_schema;
    const logged: ChatRequest = { at: clock(), model, messages, schema, name, said: undefined };
    this.requests.push(logged);
    const form = name === ANSWERED_BY ? 'answeredBy' : 'extraction';
    const script = this.#scripts[form];
    const step = script[Math.min(this.#next[form]++, script.length - 1)];
    if (step) perform(step, logged, response);
  }
}

function perform(step: ExtractionStep, request: ChatRequest, response: ServerResponse): void {
  switch (step.kind) {
    case 'hang':
      return;
    case 'drop':
      response.destroy();
      return;
    case 'http':
      response.writeHead(step.status, {
        'content-type': step.body === undefined ? 'application/json' : 'text/html',
        ...(step.retryAfter !== undefined && { 'retry-after': step.retryAfter }),
      });
      response.end(step.body ?? errorBody('server_error', 'Simulated.'));
      return;
    case 'refuse':
      say(request, response, { content: null, refusal: step.text }, 'stop');
      return;
    case 'say':
      say(request, response, { content: step.text, refusal: null }, step.finish);
      return;
    case 'fill': {
      const content = JSON.stringify(filledIn(request.schema, step.values));
      say(request, response, { content, refusal: null }, 'stop');
    }
  }
}

function say(
  request: ChatRequest,
  response: ServerResponse,
  message: { content: string | null; refusal: string | null },
  finishReason: string,
): void {
  const said = message.content ?? message.refusal ?? '';
  request.said = said;
  const prompt = textTokens(JSON.stringify([request.messages, request.schema]));
  const completion = textTokens(said);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(
    JSON.stringify({
      id: serverId('chatcmpl'),
      object: 'chat.completion',
      created: Math.floor(Date.now() / 1_000),
      model: request.model,
      choices: [
        { index: 0, message: { role: 'assistant', ...message }, finish_reason: finishReason },
      ],
      usage: {
        prompt_tokens: prompt,
        completion_tokens: completion,
        total_tokens: prompt + completion,
      },
    }),
  );
}

function refuse(response: ServerResponse, message: string): void {
  response.writeHead(400, { 'content-type': 'application/json' });
  response.end(errorBody('invalid_request_error', message));
}

function errorBody(type: string, message: string): string {
  return JSON.stringify({ error: { type, code: null, param: null, message } });
}

function parsedJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
