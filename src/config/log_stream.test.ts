import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';

const LINES = 5_000;
const log = JSON.stringify(new URL('./log.ts', import.meta.url).href);

/** A process that logs more than a pipe holds, then does `end`. */
function logging(end: string) {
  const program = `
    import { logger } from ${log};
    const log = logger('test');
    for (let line = 1; line <= ${LINES}; line++) log.info({ line }, 'a line');
    ${end}`;
  return spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, LOG_LEVEL: 'info', CALLWIRE_PRETTY: '0' },
  });
}

describe('every line arrives, in order', () => {
  test.each([
    ['when the program comes to its end', ''],
    ['when it exits', 'process.exit(0);'],
    ['when it crashes', 'throw new Error("made up");'],
  ])('%s', async (_, end) => {
    const output = await text(logging(end).stdout);
    const numbers = output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).line);
    expect(numbers).toEqual(Array.from({ length: LINES }, (_, index) => index + 1));
  });
});

/**
 * sonic-boom, pino's destination, looped for ever here:
 *   the program logs, the reader closes its end, the program exits
 *   → the flush at exit gets EPIPE and tries again, and again.
 */
test('a program whose reader is gone still exits', async () => {
  const program = logging('process.exit(7);');
  const exit = once(program, 'exit');
  await once(program.stdout, 'data');
  program.stdout.destroy();
  expect(await exit).toEqual([7, null]);
});
