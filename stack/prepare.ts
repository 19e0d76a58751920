import { Listr, type ListrBaseClassOptions, PRESET_TIMER } from 'listr2';
import { PROGRAM_SOURCES, type StackPrograms } from './programs.ts';

/** How often a log without a terminal hears of a build. */
const PLAIN_INTERVAL_MS = 15_000;

/** @internal How the builds are shown; plain lines where there is no terminal. */
export function progressOptions(): ListrBaseClassOptions<unknown, 'default', 'simple'> {
  return {
    fallbackRenderer: 'simple',
    // The preset brings a `format`, without which listr2 throws on a terminal when a task is done.
    rendererOptions: { timer: { ...PRESET_TIMER, condition: true, field: asMinutes } },
    // Its own handler would end the process before what was started is stopped.
    registerSignalListeners: false,
  };
}

/**
 * Makes sure that everything a stack runs is there, with a line for each program that is missing
 * and the time left while it is built. Throws what `stackPrograms` throws.
 */
export async function prepareStack({ signal }: { signal: AbortSignal }): Promise<StackPrograms> {
  const programs: Partial<StackPrograms> = {};
  for (const { name, find } of PROGRAM_SOURCES) {
    const found = find();
    if (found) programs[name] = found;
  }

  const terminal = process.stdout.isTTY === true;
  const missing = PROGRAM_SOURCES.filter(({ name }) => !programs[name]);
  const tasks = missing.map(({ name, title, get }) => ({
    title,
    task: async (_: unknown, task: { output: string }) => {
      const say = (text: string) => {
        task.output = text;
      };
      programs[name] = await get({
        signal,
        log: say,
        progress: terminal ? say : everyFew(PLAIN_INTERVAL_MS, say),
      });
    },
  }));
  await new Listr(tasks, progressOptions()).run();
  return programs as StackPrograms;
}

function asMinutes(ms: number): string {
  return `${(ms / 60_000).toFixed(1)} min`;
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
