/** Far less than a person takes to press it again. */
const ONE_PRESS_MS = 300;

/**
 * Calls `interrupted` for each time that Ctrl-C is pressed. The terminal sends SIGINT to npm and to its script,
 * and npm hands on its own: one press comes twice within a millisecond, and the second means "at once".
 *
 * @returns The listener; it is added to `process`.
 */
export function onInterrupt(
  interrupted: () => void,
  clock: () => number = () => performance.now(),
): () => void {
  let pressedAt = Number.NEGATIVE_INFINITY;
  const listener = () => {
    const now = clock();
    if (now - pressedAt < ONE_PRESS_MS) return;
    pressedAt = now;
    interrupted();
  };
  process.on('SIGINT', listener);
  return listener;
}
