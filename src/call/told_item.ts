import type { llm, voice } from '@livekit/agents';

/**
 * Tells the model of something that it has not said or done itself: an item at the end of its
 * conversation. Rejects where the model does not take it.
 */
export async function tellItem(
  session: llm.RealtimeSession,
  agent: voice.Agent | undefined,
  item: llm.ChatItem,
): Promise<void> {
  const conversation = session.chatCtx.copy();
  conversation.items.push(item);
  await session.updateChatCtx(conversation);
  // agents-js compares this copy with the model's conversation later and deletes the rest.
  agent?._chatCtx.insert(item);
}
