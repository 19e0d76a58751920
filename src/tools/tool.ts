import type { z } from 'zod';
import type { ToolName } from '../config/profile_schema.ts';

/**
 * One of the tools of the model. A built-in tool answers at once: it never waits for the outside
 * world, only for the ledger's acknowledgement (contract: 20 ms at the 99th percentile). What
 * takes longer goes on behind the answer and enters the conversation later.
 */
export interface Tool<Arguments extends z.ZodObject = z.ZodObject> {
  readonly name: ToolName;
  /** For the model: when to call it and what its answers mean. */
  readonly description: string;
  readonly parameters: Arguments;
  readonly atOnce?: true;
  /** Must not reject for reasons of the outside world: those are answers. */
  run(args: z.infer<Arguments>, call: ToolCall): Promise<ToolAnswer>;
}

/**
 * A tool as the model is offered it: a built-in one, or one that is only known when its call comes and may
 * wait for somebody outside.
 */
export interface ModelTool {
  readonly name: string;
  readonly description: string;
  /** A zod schema, or JSON Schema, by which the tool itself has to check what it is given. */
  readonly parameters: z.ZodObject | Record<string, unknown>;
  /**
   * It runs as soon as the model has called it, and the model is told the result as soon as there is one,
   * whatever is being said, and played, meanwhile. For what looks at neither `spoken` nor `replied`.
   */
  readonly atOnce?: true;
  run(args: Record<string, unknown>, call: ToolCall): Promise<ToolAnswer>;
}

export interface ToolCall {
  /** The model's id of this call; the ledger's is `{call_id}:{tool_call_id}`. */
  toolCallId: string;
  /** Resolves when what the model was saying beside this tool call has been heard, or cut off. */
  spoken: Promise<{ interrupted: boolean; saidSomething: boolean }>;
  /** Resolves when the model's reply to the tool's answer has been heard, too, or cut off. */
  replied: Promise<void>;
}

export type ToolAnswer =
  | { result: Record<string, unknown> }
  /**
   * The model is told nothing and asked for nothing, since the call is about to end. `goesOn`
   * resolves with what it must know when the call goes on after all, with `null` when it does not.
   */
  | { silent: true; goesOn: Promise<Record<string, unknown> | null> };
