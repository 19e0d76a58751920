import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type DestinationStream, type Logger, levels, pino, stdSerializers } from 'pino';
import { type LogLevel, levelOf, logger } from '../src/config/log.ts';

/**
 * Sends what LiveKit's libraries log through our logger: readable in `dev`, lines of one shape in
 * `start`, and without personal data. Both have a pino of their own that writes to stdout, and no
 * option for another; what this holds on to is private, and `library_logs.test.ts` fails when it
 * changes. To be called once a process, with LOG_LEVEL in its environment.
 *
 * At `info` only their warnings are told: they log each step of each turn.
 */
export function routeLibraryLogs(): void {
  const wanted = levelOf(process.env);
  const level = libraryLevel(wanted);
  routeAgents(level);
  try {
    routeRtc(level);
  } catch (error) {
    logger('worker').warn({ err: error }, 'rtc-node writes its log by itself');
  }
}

/** The level of LiveKit's libraries under ours. */
export function libraryLevel(level: LogLevel): LogLevel {
  return level === 'info' ? 'warn' : level;
}

const AGENTS_LOGGER = Symbol.for('@livekit/agents:logger');

/**
 * agents-js keeps its logger on `globalThis`. It puts one of its own there when a process starts, and
 * a child of what it finds there, with the job's ids, when a job does: only the child is taken.
 */
function routeAgents(level: LogLevel): void {
  // An Error without its serializer would be an empty object.
  const serializers = { error: stdSerializers.err };
  const root = pino({ level, base: null, serializers }, ourLogger('livekit-agents'));
  let current: Logger = root;
  Object.defineProperty(globalThis, AGENTS_LOGGER, {
    configurable: true,
    get: () => current,
    set: (given: Logger) => {
      if (Object.prototype.isPrototypeOf.call(root, given)) current = given;
    },
  });
}

/** rtc-node makes its logger at import and exports it to itself alone; its pino is an older one. */
function routeRtc(level: LogLevel): void {
  const require = createRequire(import.meta.url);
  const file = join(dirname(require.resolve('@livekit/rtc-node')), 'log.cjs');
  const { log } = require(file) as { log: Logger & { [key: symbol]: unknown } };
  const { symbols } = createRequire(file)('pino') as typeof import('pino');
  if (log[symbols.streamSym] === undefined) throw new Error('its logger has no stream');
  log[symbols.streamSym] = ourLogger('livekit-rtc');
  log.level = level;
}

/** Takes pino's lines and logs them again as ours. */
function ourLogger(name: string): DestinationStream {
  const log = logger(name);
  return {
    write(line) {
      const { level, msg = '', ...fields } = JSON.parse(line) as Record<string, unknown>;
      const label = levels.labels[Number(level)] as Exclude<LogLevel, 'silent'> | undefined;
      log[label ?? 'warn'](harmless(fields), masked(String(msg)));
    },
  };
}

/** Ours has them already. */
const REPEATED = new Set(['time', 'pid', 'hostname', 'name']);

/**
 * What cannot be about a person. agents-js marks personal fields with `pii` in their names, but not
 * the objects it logs whole (a job has the room and the caller in it): those are left out.
 */
function harmless(fields: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (REPEATED.has(key) || key.split('.').includes('pii')) continue;
    if (typeof value === 'string') kept[key] = masked(value);
    else if (typeof value === 'object' && value !== null) {
      if (key === 'err' || key === 'error') kept.err = harmlessError(value);
    } else kept[key] = value;
  }
  return kept;
}

/** Of an error, not what libraries hang onto it, such as the body of an answer. */
function harmlessError(error: object): object {
  const { type, name = type, code, message, stack } = error as Record<string, unknown>;
  const kept: Record<string, string> = {};
  for (const [key, value] of Object.entries({ type: name, code, message, stack })) {
    if (typeof value === 'string') kept[key] = masked(value);
  }
  return kept;
}

/**
 * Texts name participants (`sip_+1555…`) and rooms (`call_+1555…_…`) after the caller; OpenAI repeats
 * parts of a key, and a URL of LiveKit has the access token in it.
 */
function masked(text: string): string {
  return text
    .replaceAll(/\b(sip|call)_[^\s"',:;)\]}]+/g, '$1_…')
    .replaceAll(/\bsk-[\w*-]+/g, 'sk-…')
    .replaceAll(/\beyJ[\w-]*\.[\w.-]+/g, 'eyJ…')
    .replaceAll(/\+\d[\d ().-]{4,}\d|\d{6,}/g, '…');
}
