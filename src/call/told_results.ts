import { llm } from '@livekit/agents';

/**
 * The tools' results that the model was told before agents-js came to it. agents-js makes an item of its
 * own of each, and would have the model told twice, or the first one deleted: in whatever it gives as the
 * conversation, a result that is known has the id under which the model knows it.
 */
export class ToldResults {
  readonly #byCall = new Map<string, llm.FunctionCallOutput>();
  readonly #onTheWay = new Set<llm.FunctionCallOutput>();

  /** They are being told. */
  begin(results: readonly llm.FunctionCallOutput[]): void {
    for (const result of results) {
      this.#byCall.set(result.callId, result);
      this.#onTheWay.add(result);
    }
  }

  /** The model has them. */
  arrived(results: readonly llm.FunctionCallOutput[]): void {
    for (const result of results) this.#onTheWay.delete(result);
  }

  /** It could not be told: left to agents-js. */
  failed(results: readonly llm.FunctionCallOutput[]): void {
    this.arrived(results);
    for (const { callId } of results) this.#byCall.delete(callId);
  }

  of(callId: string): llm.FunctionCallOutput | undefined {
    return this.#byCall.get(callId);
  }

  /** The same conversation, with what is on its way, of which whoever made it could not know. */
  in(conversation: llm.ChatContext): llm.ChatContext {
    if (this.#byCall.size === 0) return conversation;
    const items = new Map<string, llm.ChatItem>();
    for (const given of conversation.items) {
      const item = this.#asKnown(given);
      items.set(item.id, item);
    }
    for (const result of this.#onTheWay) items.set(result.id, result);
    return new llm.ChatContext([...items.values()]);
  }

  #asKnown(item: llm.ChatItem): llm.ChatItem {
    if (item.type !== 'function_call_output') return item;
    const told = this.#byCall.get(item.callId);
    if (!told || told.id === item.id) return item;
    return new llm.FunctionCallOutput({ ...item, id: told.id });
  }
}
