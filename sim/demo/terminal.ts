import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** Text in a style, where stdout is a terminal that wants colour (NO_COLOR, FORCE_COLOR). */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

const TITLE_WIDTH = 16;

/** What the demo shows: lines, and steps that have a name while they run. */
export class Terminal {
  line(text = ''): void {
    process.stdout.write(`${text}\n`);
  }

  good(title: string, detail = ''): void {
    this.line(
      `  ${styled('green', '✓')} ${title.padEnd(TITLE_WIDTH)} ${styled('dim', detail)}`.trimEnd(),
    );
  }

  bad(title: string, detail = ''): void {
    this.line(`  ${styled('red', '✗')} ${title.padEnd(TITLE_WIDTH)} ${detail}`.trimEnd());
  }

  /** Runs a step: its title at once where that can be overwritten, its result when it is done. */
  async step<T>(title: string, run: () => Promise<T>, detail: (result: T) => string): Promise<T> {
    const startedAt = performance.now();
    const clear = process.stdout.isTTY ? '\r\u001b[K' : '';
    if (clear) process.stdout.write(`  … ${title}`);
    try {
      const result = await run();
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      process.stdout.write(clear);
      this.good(title, `${detail(result)} (${seconds} s)`);
      return result;
    } catch (error) {
      process.stdout.write(clear);
      this.bad(title);
      throw error;
    }
  }
}
