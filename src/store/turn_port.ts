/**
 * Says everything of one turn of the event loop at once. Each message to another thread has to wake it, which
 * costs 50 to 100 µs of CPU in a virtual machine: as much as most look-ups that are asked for.
 *
 * @param unsendable Told of a message that cannot be copied; the others of its turn are sent.
 */
export function turnPort<Message>(
  post: (messages: Message[]) => void,
  unsendable: (message: Message, error: unknown) => void,
): (message: Message) => void {
  let said: Message[] = [];
  const postOne = (message: Message) => {
    try {
      post([message]);
    } catch (error) {
      unsendable(message, error);
    }
  };
  const flush = () => {
    const messages = said;
    said = [];
    try {
      post(messages);
    } catch {
      messages.forEach(postOne);
    }
  };
  return (message) => {
    if (said.push(message) === 1) process.nextTick(flush);
  };
}
