import { isatty } from 'node:tty';
import { isMainThread } from 'node:worker_threads';
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import pinoPretty from 'pino-pretty';
import { LogStream } from './log_stream.ts';
import { loggedError } from './logged_error.ts';

/** What LOG_LEVEL may say, the quietest first. */
export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * A net below the habit of never logging a secret: values under these keys are replaced, down to
 * three levels below the log object. Spellings are listed because paths are matched exactly.
 * Personal data is not redacted; it stands under `pii`, where a collector can drop it.
 */
const SECRET_KEYS = [
  'apiKey',
  'api_key',
  'apiSecret',
  'api_secret',
  'authorization',
  'Authorization',
  'cookie',
  'openaiApiKey',
  'password',
  'secret',
  'signingSecret',
  'token',
  'x-api-key',
  'X-API-Key',
];

const redact = {
  paths: SECRET_KEYS.flatMap((key) => [
    `["${key}"]`,
    `*["${key}"]`,
    `*.*["${key}"]`,
    `*.*.*["${key}"]`,
  ]),
  censor: '[redacted]',
};

let root: Logger | undefined;
const named = new Map<string, Logger>();

/**
 * The logger of one part of Callwire; the name becomes the line's `name`. Lines go to stdout, as
 * JSON, or readable where stdout is a terminal (CALLWIRE_PRETTY=1 or 0 overrides that).
 * Messages are static; values are fields; phone numbers and transcripts only under `pii`:
 * `log.info({ pii: { from } }, 'call accepted')`.
 *
 * Safe at the top of a module: the level can still be changed by `setLogLevel`.
 */
export function logger(name: string): Logger {
  const known = named.get(name);
  if (known) return known;
  root ??= createRootLogger(stdout(), { pretty: wantsPretty(), level: levelOf(process.env) });
  const child = root.child({ name });
  named.set(name, child);
  return child;
}

/**
 * Changes the level of every logger there is and of those still to come. Needed because modules
 * ask for their logger at import, before a main has read `.env`.
 */
export function setLogLevel(level: LogLevel): void {
  // pino's children copy their parent's level at birth, so the root alone would change nothing.
  for (const log of named.values()) log.level = level;
  if (root) root.level = level;
}

/** LOG_LEVEL, or `info` where it is unset or wrong (that is `loadSettings`' to report). */
export function levelOf(env: NodeJS.ProcessEnv): LogLevel {
  return LOG_LEVELS.find((level) => level === env.LOG_LEVEL) ?? 'info';
}

/** For tests and for programs with a stream of their own; everything else calls `logger`. */
export function createRootLogger(
  stream: DestinationStream,
  { pretty = false, level = 'info' }: { pretty?: boolean; level?: LogLevel } = {},
): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact,
      serializers: { err: loggedError },
    },
    pretty ? prettyStream(stream) : stream,
  );
}

/**
 * pino-pretty's formatter in front of the same stream. As a pino transport it would live in a
 * worker thread, one more for each call process, and lose the last lines of a process that dies.
 */
function prettyStream(stream: DestinationStream): DestinationStream {
  const format = pinoPretty.prettyFactory({
    colorize: isatty(1) && !process.env.NO_COLOR,
    ignore: 'pid',
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return { write: (line) => void stream.write(format(line)) };
}

/** A worker thread can be terminated without a word, so there each line is written at once. */
function stdout(): DestinationStream {
  return isMainThread ? new LogStream(1) : destination({ fd: 1, sync: true });
}

function wantsPretty(): boolean {
  const wish = process.env.CALLWIRE_PRETTY;
  return wish ? wish === '1' : isatty(1);
}
