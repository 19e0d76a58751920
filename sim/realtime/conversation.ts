import type { ConversationItem, ItemInput, ProtocolError } from './protocol.ts';
import { serverId } from './protocol.ts';

export type Inserted =
  | { ok: true; item: ConversationItem; previousItemId: string | null }
  | { ok: false; error: ProtocolError };

/** The items of one session in their order, with OpenAI's refusals. */
export class Conversation {
  #items: ConversationItem[] = [];
  #audioMs = new Map<string, number>();

  get items(): readonly ConversationItem[] {
    return this.#items;
  }

  get lastId(): string | null {
    return this.#items.at(-1)?.id ?? null;
  }

  /** @param previousItemId `root` is the beginning; absent, the end */
  insert(input: ItemInput, previousItemId?: string | null): Inserted {
    const id = input.id ?? serverId('item');
    if (this.#items.some((item) => item.id === id)) {
      return refused('item_create_duplicate_id', 'adding', id, 'already exists');
    }
    let at = this.#items.length;
    if (previousItemId === 'root') at = 0;
    else if (previousItemId) {
      at = this.#items.findIndex((item) => item.id === previousItemId) + 1;
      if (at === 0) {
        return refused('item_create_invalid_previous', 'adding', previousItemId, 'does not exist');
      }
    }
    const item = { ...input, id, object: 'realtime.item', status: 'completed' };
    const before = this.#items[at - 1]?.id ?? null;
    this.#items.splice(at, 0, item);
    return { ok: true, item, previousItemId: before };
  }

  delete(id: string): ProtocolError | undefined {
    const at = this.#items.findIndex((item) => item.id === id);
    if (at < 0)
      return refused('item_delete_invalid_item_id', 'deleting', id, 'does not exist').error;
    this.#items.splice(at, 1);
    this.#audioMs.delete(id);
    return undefined;
  }

  /** The model has spoken this much of the item. */
  audioAdded(id: string, ms: number): void {
    this.#audioMs.set(id, (this.#audioMs.get(id) ?? 0) + ms);
  }

  get hasAudio(): boolean {
    return this.#audioMs.size > 0;
  }

  /** Only the model's own audio can be cut, and only to less than there is. */
  truncate(id: string, audioEndMs: number): ProtocolError | undefined {
    const audioMs = this.#audioMs.get(id);
    if (audioMs === undefined) {
      return refused('item_truncate_invalid_item_id', 'truncating', id, 'has no audio').error;
    }
    if (audioEndMs > audioMs) {
      return {
        code: 'invalid_value',
        param: 'audio_end_ms',
        message: `The item has ${Math.floor(audioMs)} ms of audio, less than ${audioEndMs} ms.`,
      };
    }
    this.#audioMs.set(id, audioEndMs);
    return undefined;
  }
}

function refused(code: string, doing: string, id: string, why: string) {
  const message = `Error ${doing} item: the item with id '${id}' ${why}.`;
  return { ok: false as const, error: { code, message, param: 'item_id' } };
}
