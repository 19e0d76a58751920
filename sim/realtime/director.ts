import { instructedText } from './instructed_text.ts';
import type { Reply, Scenario, Turn } from './scenario.ts';
import type { Quotable } from './template.ts';

/** Why the model speaks: which part of the scenario the reply is from. */
export type Cause = 'opening' | 'turn' | 'text' | 'results' | 'instructed' | 'otherwise';

export interface Decision {
  cause: Cause;
  reply: Reply;
  quotable: Quotable;
}

/**
 * Decides what the model says next, from the scenario and what happened in one session. Pure
 * bookkeeping: no sockets, no clock.
 *
 * A response that the client asks for is, the first that fits:
 * 1. with instructions of its own: `on_instructed`; but `opening` where nothing was said yet and
 *    the instructions do not dictate the words;
 * 2. `then` of the response whose tool results have come (`after_tools` where it has none);
 * 3. the turn, or the text message, that nobody has answered yet;
 * 4. `opening`, as long as the caller has not spoken and the opening was not used;
 * 5. `otherwise`.
 * A response that the caller's silence starts (`create_response`) is always 3.
 */
export class Director {
  readonly #scenario: Scenario;
  #heardTurns = 0;
  #unanswered: { cause: Cause; reply: Reply } | undefined;
  #openingDue = true;
  #spoke = false;
  #calls = new Map<string, { tool: string; next: Reply | undefined }>();
  #afterResults: Reply | undefined;
  #result: Record<string, unknown> = {};
  #caller = '';
  #text = '';

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  /** The caller has finished an utterance; returns what it is taken to have said. */
  callerSpoke(): string {
    const turn = this.#takeTurn();
    this.#unanswered = { cause: 'turn', reply: turn };
    this.#caller = turn.hears;
    return turn.hears;
  }

  /**
   * The client has put a text message into the conversation. One that says what the next turn
   * hears is that turn: typed by a test, or the history that is replayed after a reconnect, where
   * the assistant's message behind it says that it was answered.
   */
  messageAdded(role: 'user' | 'assistant' | 'system', text: string): void {
    if (role === 'assistant') {
      this.#unanswered = undefined;
      this.#openingDue = false;
      this.#spoke = true;
      return;
    }
    const rule = this.#scenario.onText.find(({ contains }) =>
      text.toLowerCase().includes(contains.toLowerCase()),
    );
    if (role === 'system' && !rule) return;
    this.#text = text;
    this.#openingDue = false;
    if (role === 'user' && text === this.#scenario.turns[this.#heardTurns]?.hears) {
      this.callerSpoke();
    } else {
      this.#unanswered = { cause: 'text', reply: rule ?? this.#scenario.otherwise };
    }
  }

  /** The model has called a tool; `next` answers its result. */
  toolCalled(callId: string, tool: string, next: Reply | undefined): void {
    this.#calls.set(callId, { tool, next });
  }

  /** Results of calls that this session did not make (replayed history) ask for no answer. */
  resultCame(callId: string, output: string): void {
    const call = this.#calls.get(callId);
    if (!call) return;
    this.#result[call.tool] = parsedOrText(output);
    this.#afterResults = call.next ?? this.#scenario.afterTools;
  }

  /** What answers a `response.create`. */
  onRequest(instructions: string | undefined, sessionInstructions: string | undefined): Decision {
    const instructed = instructedText(instructions, sessionInstructions);
    const { cause, reply } = this.#answerTo(instructed);
    if (cause === 'opening') this.#openingDue = false;
    this.#spoke = true;
    return this.#decision(cause, reply, instructed?.text);
  }

  /** What answers the caller's silence. */
  onSilence(): Decision {
    const { cause, reply } = this.#takeUnanswered() ?? this.#otherwise();
    this.#spoke = true;
    return this.#decision(cause, reply, undefined);
  }

  #answerTo(instructed: { exact: boolean } | undefined): { cause: Cause; reply: Reply } {
    const { opening, onInstructed } = this.#scenario;
    if (instructed) {
      const opens = this.#openingDue && !this.#spoke && !instructed.exact;
      return opens
        ? { cause: 'opening', reply: opening }
        : { cause: 'instructed', reply: onInstructed };
    }
    const results = this.#afterResults;
    if (results) {
      this.#afterResults = undefined;
      return { cause: 'results', reply: results };
    }
    const unanswered = this.#takeUnanswered();
    if (unanswered) return unanswered;
    return this.#openingDue ? { cause: 'opening', reply: opening } : this.#otherwise();
  }

  #takeUnanswered(): { cause: Cause; reply: Reply } | undefined {
    const unanswered = this.#unanswered;
    this.#unanswered = undefined;
    return unanswered;
  }

  #otherwise(): { cause: Cause; reply: Reply } {
    return { cause: 'otherwise', reply: this.#scenario.otherwise };
  }

  #takeTurn(): Turn {
    const turn = this.#scenario.turns[this.#heardTurns] ?? this.#scenario.otherwise;
    this.#heardTurns += 1;
    this.#openingDue = false;
    return turn;
  }

  #decision(cause: Cause, reply: Reply, instructed = 'Hello.'): Decision {
    // The results object is shared on purpose: one that comes while the response runs is quoted.
    const quotable = { result: this.#result, caller: this.#caller, text: this.#text, instructed };
    return { cause, reply, quotable };
  }
}

function parsedOrText(output: string): unknown {
  try {
    return JSON.parse(output);
  } catch {
    return output;
  }
}
