import { parse } from 'yaml';
import { z } from 'zod';
import { CallwireError } from '../../src/errors.ts';

const ms = z.int().nonnegative();

const fault = z.discriminatedUnion('kind', [
  /** Nobody listens: TCP connections are refused. Connections there are stay. */
  z.strictObject({ kind: z.literal('refuse') }),
  /** HTTP 401 to every connection, whatever its key. */
  z.strictObject({ kind: z.literal('unauthorized') }),
  /** HTTP 500 to every connection. */
  z.strictObject({ kind: z.literal('http500') }),
  /**
   * Cuts the connection once: at once, or `after_ms` behind the next event of type `after`, the
   * client's or the server's. `how: close` says goodbye with 1011, `terminate` just ends TCP. The
   * fault is over with the first connection cut; without `after` it cuts all of them.
   */
  z.strictObject({
    kind: z.literal('drop'),
    after: z.string().optional(),
    after_ms: ms.default(0),
    how: z.enum(['close', 'terminate']).default('terminate'),
  }),
  /** Accepts every connection and closes it. */
  z.strictObject({ kind: z.literal('drop_loop') }),
  /** Hears and acknowledges everything, but starts no response. */
  z.strictObject({ kind: z.literal('stall') }),
  /** Accepts connections and never sends anything. */
  z.strictObject({ kind: z.literal('silent') }),
  /**
   * `when: connect`: an `error` event, now in every open session, and all that a new one gets.
   * `when: response`: every response fails with it.
   */
  z.strictObject({
    kind: z.literal('error_event'),
    code: z.string().default('insufficient_quota'),
    message: z.string().default('Simulated error.'),
    when: z.enum(['connect', 'response']).default('connect'),
  }),
  /** Connections are answered, `ms` late. */
  z.strictObject({ kind: z.literal('slow_connect'), ms }),
]);

export type Fault = z.output<typeof fault>;
/** A fault as it is written: what has a default may be left out. */
export type FaultInput = z.input<typeof fault>;

/**
 * @param input an object, or YAML such as `stall` or `{ kind: drop, after: response.created }`
 * @throws CallwireError `SIM_FAULT_INVALID`
 */
export function parseFault(input: FaultInput | string): Fault {
  const value: unknown = typeof input === 'string' ? parse(input) : input;
  const parsed = fault.safeParse(typeof value === 'string' ? { kind: value } : value);
  if (parsed.success) return parsed.data;
  throw new CallwireError('SIM_FAULT_INVALID', z.prettifyError(parsed.error), {
    remedy: `A fault is one of ${fault.options.map((o) => o.shape.kind.value).join(', ')}.`,
  });
}
