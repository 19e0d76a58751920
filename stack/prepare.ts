import { Listr } from 'listr2';
import { PREPARATIONS, type StackPrograms } from './programs.ts';

/** How often a log without a terminal hears of a build. */
const PLAIN_INTERVAL_MS = 15_000;

/**
 * Makes sure that everything a stack runs is there, with a line for each program and the time left
 * while one is built. Throws what `stackPrograms` throws.
 */
export async function prepareStack({ signal }: { signal: AbortSignal }): Promise<StackPrograms> {
  const found: Partial<StackPrograms> = {};
  const terminal = process.stdout.isTTY === true;
  const tasks = PREPARATIONS.map(({ name, title, run }) => ({
    title,
    task: async (_: unknown, task: { output: string; title: string }) => {
      const say = (text: string) => {
        task.output = text;
      };
      found[name] = await run({
        signal,
        log: say,
        progress: terminal ? say : everyFew(PLAIN_INTERVAL_MS, say),
      });
      task.title = `${title}: ${found[name]}`;
    },
  }));
  await new Listr(tasks, { renderer: 'default', fallbackRenderer: 'simple' }).run();
  return found as StackPrograms;
}

/** Passes on what comes at most once in so many ms, and nothing in the first ones. */
function everyFew(ms: number, say: (text: string) => void): (text: string) => void {
  let last = performance.now();
  return (text) => {
    if (performance.now() - last < ms) return;
    last = performance.now();
    say(text);
  };
}
