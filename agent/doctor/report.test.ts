import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Finding } from './finding.ts';
import { hasProblem, Progress, table, verdict } from './report.ts';

const findings: Finding[] = [
  { check: 'livekit', status: 'ok', message: 'answers' },
  { check: 'inbound_trunk', status: 'problem', message: 'is gone', remedy: 'make it' },
  { check: 'settings', status: 'warning', message: 'two\nlines' },
  { check: 'crm', status: 'skipped', message: 'not looked at' },
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours, where the test has a terminal
const plain = (text: string) => text.replaceAll(/\u001b\[\d+m/g, '');

describe('the report', () => {
  it('is a table with the remedies below their findings', () => {
    expect(plain(table(findings)).split('\n')).toEqual([
      '  ✓ livekit        answers',
      '  ✗ inbound trunk  is gone',
      '                   → make it',
      '  ! settings       two',
      '                   lines',
      '  – crm            not looked at',
    ]);
  });

  it('ends with what it comes to', () => {
    expect(verdict(findings)).toBe('1 problem, 1 warning');
    expect(hasProblem(findings)).toBe(true);
    expect(verdict(findings.slice(0, 1))).toBe('Everything is as it should be.');
    expect(hasProblem(findings.filter(({ status }) => status !== 'problem'))).toBe(false);
  });
});

describe('progress', () => {
  const shownOn = (isTTY: boolean) => {
    const stream = Object.assign(new PassThrough(), { isTTY }) as unknown as NodeJS.WriteStream;
    const progress = new Progress(['livekit', 'crm'], stream);
    progress.done('livekit');
    progress.done('crm');
    return String((stream as unknown as PassThrough).read() ?? '');
  };

  it('names on a terminal what is still being looked at, and leaves an empty line', () => {
    expect(shownOn(true).split('\r\u001b[K')).toEqual(['', '  … livekit, crm', '  … crm', '']);
  });

  it('is not written into a file', () => {
    expect(shownOn(false)).toBe('');
  });
});
