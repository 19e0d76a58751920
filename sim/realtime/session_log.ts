import type { Cause } from './director.ts';
import type { ServerEvent } from './protocol.ts';
import type { SessionConfig } from './session_config.ts';

/** Milliseconds since 1970 with fractions, comparable between processes of one machine. */
export function clock(): number {
  return performance.timeOrigin + performance.now();
}

export interface LoggedEvent {
  at: number;
  from: 'client' | 'server';
  /** As on the wire, but audio is only its length: `audio_ms`. */
  event: ServerEvent;
}

export interface LoggedResponse {
  id: string;
  cause: Cause;
  /** The instructions of this response alone, as sent. */
  instructions: string | undefined;
  startedAt: number;
  endedAt: number | undefined;
  status: 'in_progress' | 'completed' | 'cancelled' | 'failed';
  /** Words sent so far. */
  text: string;
  audioMs: number;
}

export interface LoggedToolCall {
  callId: string;
  tool: string;
  arguments: Record<string, unknown>;
  /** Whether the session's tools had it; the model calls it all the same. */
  declared: boolean;
  sentAt: number;
}

export interface LoggedToolResult {
  callId: string;
  output: string;
  receivedAt: number;
}

export interface LoggedCallerTurn {
  itemId: string;
  transcript: string;
  startedAt: number;
  endedAt: number | undefined;
}

/**
 * Everything that happened on one connection, for tests and benches to read and to wait on. All
 * `…At` are from `clock()`.
 */
export class SessionLog {
  readonly id: string;
  /** The `model` of the connection's URL. */
  readonly model: string;
  readonly openedAt = clock();
  closedAt: number | undefined;
  /** Without the audio, which only counts in `audio` and `LoggedResponse.audioMs`. */
  readonly events: LoggedEvent[] = [];
  /** The session as all `session.update` so far made it: instructions, tools, voice. */
  config: SessionConfig;
  readonly updates: Record<string, unknown>[] = [];
  readonly responses: LoggedResponse[] = [];
  readonly toolCalls: LoggedToolCall[] = [];
  readonly toolResults: LoggedToolResult[] = [];
  readonly callerTurns: LoggedCallerTurn[] = [];
  readonly truncations: { itemId: string; audioEndMs: number; at: number }[] = [];
  readonly errors: { code: string; message: string; at: number }[] = [];
  /** What came from the caller: all of it, and the loud part. */
  readonly audio = { ms: 0, loudMs: 0, firstAt: undefined as number | undefined };
  readonly #watchers = new Set<() => void>();

  constructor(id: string, model: string, config: SessionConfig) {
    this.id = id;
    this.model = model;
    this.config = config;
  }

  /** Everything the model said, one entry a response that had speech. */
  get said(): string[] {
    return this.responses.map((response) => response.text).filter(Boolean);
  }

  /** To be called after every change, so that waiters look again. */
  changed(): void {
    for (const look of [...this.#watchers]) look();
  }

  /**
   * Waits until `predicate` returns something other than undefined, null or false, and returns it.
   * It is asked at once and after everything that happens in the session.
   *
   * @throws the signal's reason
   */
  waitFor<T>(
    predicate: (log: SessionLog) => T | undefined | null | false,
    signal: AbortSignal,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#watchers.delete(look);
        signal.removeEventListener('abort', abort);
      };
      const abort = () => {
        stop();
        reject(signal.reason);
      };
      const look = () => {
        try {
          const found = predicate(this);
          if (found === undefined || found === null || found === false) return;
          stop();
          resolve(found);
        } catch (error) {
          stop();
          reject(error);
        }
      };
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort);
      this.#watchers.add(look);
      look();
    });
  }
}
