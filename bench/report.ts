import { type Line, type Result, verdict } from './result.ts';

/** The result as a table for people, one line a number. */
export function table({ machine, versions, date, lines }: Result): string {
  const head = ['', 'value', 'target', '', 'n', 'failed'];
  const rows = lines.map((line) => [
    line.what,
    line.value === null ? '-' : amount(line.value, line),
    line.atMost === null ? '-' : `≤ ${amount(line.atMost, line)}`,
    verdict(line),
    String(line.n),
    String(line.failures),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)));
  const text = [head, ...rows].map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  const made = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryInGiB} GiB, Linux ${machine.kernel}, ` +
      `node ${machine.node}, load ${machine.loadBefore} before`,
    made.join(', '),
    date,
    '',
    ...text,
    '',
    ...lines.map(explained).filter((line) => line !== ''),
  ].join('\n');
}

/** What a line's value is made of. */
function explained({ what, details }: Line): string {
  const parts = Object.entries(details).map(([name, value]) => `${name} ${rounded(value)}`);
  return parts.length === 0 ? '' : `${what}: ${parts.join(', ')}`;
}

function amount(value: number, { unit }: Line): string {
  return unit === '×' ? `${value.toFixed(3)} ×` : `${rounded(value)} ${unit}`;
}

function rounded(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
