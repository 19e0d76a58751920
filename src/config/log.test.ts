import { afterEach, expect, test } from 'vitest';
import { createRootLogger, levelOf, logger, setLogLevel } from './log.ts';

function captured() {
  const lines: string[] = [];
  return { lines, stream: { write: (line: string) => void lines.push(line) } };
}

afterEach(() => setLogLevel(levelOf(process.env)));

test('a line is one JSON object with a level by name', () => {
  const { lines, stream } = captured();
  createRootLogger(stream).child({ name: 'ledger' }).warn({ calls: 2 }, 'slow commit');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: 'warn',
    name: 'ledger',
    calls: 2,
    msg: 'slow commit',
  });
});

test('secrets under their usual keys never reach the line, personal data under pii does', () => {
  const { lines, stream } = captured();
  const log = createRootLogger(stream).child({ apiKey: 'made-up-1' });
  log.info(
    {
      secret: 'made-up-2',
      request: { headers: { authorization: 'Bearer made-up-3', 'x-api-key': 'made-up-4' } },
      err: Object.assign(new Error('refused'), { options: { token: 'made-up-5' } }),
      pii: { from: '+15550100001' },
    },
    'request refused',
  );
  expect(lines[0]).not.toContain('made-up');
  expect(lines[0]).toContain('refused');
  expect(lines[0]).toContain('+15550100001');
});

test('pretty lines are redacted too', () => {
  const { lines, stream } = captured();
  createRootLogger(stream, { pretty: true }).info({ password: 'made-up' }, 'logged in');
  expect(lines.join('')).toContain('logged in');
  expect(lines.join('')).not.toContain('made-up');
});

test('loggers made before the level is known follow it', () => {
  const early = logger('test.early');
  setLogLevel('error');
  expect(early.isLevelEnabled('warn')).toBe(false);
  expect(logger('test.later').isLevelEnabled('warn')).toBe(false);
  setLogLevel('debug');
  expect(early.isLevelEnabled('debug')).toBe(true);
});

test('a level that does not exist is taken for info', () => {
  expect(levelOf({ LOG_LEVEL: 'loud' })).toBe('info');
  expect(levelOf({ LOG_LEVEL: 'trace' })).toBe('trace');
});
