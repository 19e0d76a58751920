import { styleText } from 'node:util';
import type { Finding } from './finding.ts';

const MARKS = {
  ok: ['green', '✓'],
  warning: ['yellow', '!'],
  problem: ['red', '✗'],
  skipped: ['dim', '–'],
} as const;

/** A row for each finding, its remedy below it. */
export function table(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(width + 6);
  return findings
    .map(({ check, status, message, remedy }) => {
      const [style, mark] = MARKS[status];
      const text = message.replaceAll('\n', `\n${indent}`);
      const row = `  ${styled(style, mark)} ${check.replaceAll('_', ' ').padEnd(width)}  ${text}`;
      return remedy === undefined ? row : `${row}\n${indent}${styled('dim', `→ ${remedy}`)}`;
    })
    .join('\n');
}

/** One line that says what all of it comes to. */
export function verdict(findings: readonly Finding[]): string {
  const count = (status: Finding['status'], word: string) => {
    const { length } = findings.filter((finding) => finding.status === status);
    return length === 0 ? [] : [`${length} ${word}${length === 1 ? '' : 's'}`];
  };
  const found = [...count('problem', 'problem'), ...count('warning', 'warning')];
  return found.length === 0 ? 'Everything is as it should be.' : found.join(', ');
}

export function hasProblem(findings: readonly Finding[]): boolean {
  return findings.some(({ status }) => status === 'problem');
}

/**
 * What is still being looked at, in one line that overwrites itself; on stderr, and only where a
 * person watches.
 */
export class Progress {
  readonly #waiting: Set<string>;
  readonly #stream: NodeJS.WriteStream;

  constructor(names: readonly string[], stream: NodeJS.WriteStream = process.stderr) {
    this.#waiting = new Set(names);
    this.#stream = stream;
    this.#show();
  }

  done(name: string): void {
    this.#waiting.delete(name);
    this.#show();
  }

  #show(): void {
    if (!this.#stream.isTTY) return;
    const waiting = [...this.#waiting].join(', ');
    this.#stream.write(`\r\u001b[K${waiting ? `  … ${waiting}` : ''}`);
  }
}

function styled(style: Parameters<typeof styleText>[0], text: string): string {
  return styleText(style, text, { stream: process.stdout });
}
