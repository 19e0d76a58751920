import { isObject, type JsonObject } from '../loose.ts';
import type { KnownCaller, Question, Reading } from '../platform.ts';
import type { VapiMessage } from './message.ts';

/**
 * Which assistant answers a call that came in. Vapi wants one in the answer: an assistant of ours made
 * of the profile whose number was dialled. (Its model and voice are Vapi's defaults there.)
 */
export function assistantRequest(message: VapiMessage): Reading {
  const { call, customer, phoneNumber } = message;
  return {
    kind: 'question',
    callId: call.id ?? null,
    question: {
      kind: 'beginning',
      caller: customer.number ?? call.customer.number ?? null,
      called: phoneNumber.number ?? call.phoneNumber.number ?? null,
      answer: (known) => assistantFor(known, call.assistantId),
    },
  };
}

function assistantFor(
  { variables, contactId, agent }: KnownCaller,
  assistantId: string | undefined,
): JsonObject {
  const assistantOverrides = {
    variableValues: variables,
    ...(contactId !== null && { metadata: { contactId } }),
  };
  if (assistantId !== undefined) return { assistantId, assistantOverrides };
  if (agent === null) return { error: 'Nobody answers this number.' };
  return {
    assistant: {
      ...(agent.firstMessage === null
        ? { firstMessageMode: 'assistant-speaks-first-with-model-generated-message' }
        : { firstMessage: agent.firstMessage }),
      model: {
        provider: 'openai',
        model: 'gpt-4.1',
        messages: [{ role: 'system', content: agent.prompt }],
      },
    },
    assistantOverrides,
  };
}

/** Functions that the model has called: `tool-calls`, and `function-call` of older assistants. */
export function toolCalls(message: VapiMessage): Reading {
  const { call, customer, phoneNumber, toolCallList, functionCall } = message;
  const one = message.type === 'function-call';
  const calls = one
    ? [{ id: null, name: functionCall.name ?? '', arguments: argumentsOf(functionCall) }]
    : toolCallList.map(({ id = null, name, function: called, ...rest }) => ({
        id,
        name: called.name ?? name ?? '',
        arguments: argumentsOf({ ...rest, ...called }),
      }));
  const question: Question = {
    kind: 'functions',
    caller: customer.number ?? call.customer.number ?? null,
    called: phoneNumber.number ?? call.phoneNumber.number ?? null,
    calls,
    answer: (results) =>
      one
        ? { result: oneLine(results[0]) }
        : {
            results: calls.map(({ id, name }, index) => ({
              name,
              toolCallId: id,
              result: oneLine(results[index]),
            })),
          },
  };
  return { kind: 'question', callId: call.id ?? null, question };
}

/** As JSON text where the model's own words were passed on. */
function argumentsOf(given: { arguments?: unknown; parameters?: unknown }): JsonObject {
  const value = given.arguments ?? given.parameters;
  if (isObject(value)) return value;
  if (typeof value !== 'string') return {};
  try {
    const parsed: unknown = JSON.parse(value);
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

/** Vapi takes a result as one line of text. */
function oneLine(result: unknown): string {
  const text = typeof result === 'string' ? result : JSON.stringify(result ?? null);
  return text.replace(/\s*[\r\n]+\s*/g, ' ');
}
