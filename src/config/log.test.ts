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

class Model {
  options = { apiKey: 'made-up' };
}

// An error of the model's library had its whole session with it: the key stood too deep for the net of names,
// and with a session that was running the line had nothing but "unable to serialize".
test('an error is told with its causes and plain values, and without what hangs on it', () => {
  const { lines, stream } = captured();
  const error = Object.assign(new Error('broke', { cause: new Error('because', { cause: 1 }) }), {
    code: 'MADE_UP',
    metadata: { sip_status: '486', list: [1, { deep: { er: 'made-up' } }] },
    model: new Model(),
    deep: { er: { still: { model: { options: { apiKey: 'made-up' } } } } },
    errors: [Object.assign(new Error('one of several'), { model: new Model() })],
    circle: {} as object,
  });
  error.circle = { error };
  createRootLogger(stream).error({ err: error }, 'it failed');
  createRootLogger(stream).error(error);
  for (const line of lines) {
    expect(JSON.parse(line).err).toMatchObject({
      type: 'Error',
      message: 'broke: because',
      stack: expect.stringContaining('caused by: Error: because'),
      code: 'MADE_UP',
      metadata: { sip_status: '486', list: [1, {}] },
      aggregateErrors: [{ message: 'one of several' }],
    });
    expect(line).not.toContain('made-up');
  }
});

test.each(['a text', 7, null, { code: 1 }])('an error that is none is told as it is: %j', (err) => {
  const { lines, stream } = captured();
  createRootLogger(stream).error({ err }, 'it failed');
  expect(JSON.parse(lines[0] ?? '').err).toEqual(err);
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
