import { z } from 'zod';
import type { EventId } from '../ids.ts';
import { WireError } from '../store/error_wire.ts';
import { type Append, type AppendResult, FACT_KINDS, type HeldLease } from '../store/store.ts';

/**
 * What is said on the ledger's socket. A client greets first, then:
 *
 * ```
 * client                              host
 * hello {pid, held}          →
 * append {n, append}         →        (group commit)
 *                            ←        ack {n, result}
 * request | store {n, …}     →
 * cancel {n}                 →        (its signal aborts, no answer)
 *                            ←        answer {n, …}
 *                            ←        fenced {callId}       somebody took the call over
 * ```
 *
 * `n` numbers the client's messages; a host that cannot commit sends no `ack` at all, which makes
 * the client spool. Both ends come from one installation, so a version that differs is a mistake of
 * the operator and ends the connection.
 */
export const PROTOCOL_VERSION = 1;

const record = z.record(z.string(), z.unknown());
/** The store rounds: a writer's clock may have fractions. */
const time = z.number().nonnegative();
const number = z.number().int().positive();

const heldSchema = z.object({ callId: z.string().min(1), lease: number });

/**
 * An append as it crosses a border: the socket's or a spool file's. `recovered` is not in it and
 * so dropped: only the recovery of spools may skip the fence.
 */
export const appendSchema: z.ZodType<Append> = z.object({
  callId: z.string().min(1).nullable(),
  lease: number.exactOptional(),
  open: z
    .object({
      id: z.string().min(1),
      direction: z.enum(['inbound', 'outbound']),
      from: z.string().nullable(),
      to: z.string(),
      agentId: z.string(),
      room: z.string(),
      metadata: record,
      time,
    })
    .exactOptional(),
  events: z
    .array(
      z.object({
        id: z.custom<EventId>((id) => typeof id === 'string' && id.startsWith('evt_')),
        type: z.string().min(1),
        time,
        data: record,
      }),
    )
    .exactOptional(),
  facts: z
    .array(
      z.object({
        id: z.string().min(1),
        kind: z.enum(FACT_KINDS),
        time,
        data: record,
      }),
    )
    .exactOptional(),
  jobs: z
    .array(
      z.object({
        id: z.string().min(1),
        kind: z.enum(['webhook', 'crm_write']),
        target: z.string().min(1),
        body: record,
      }),
    )
    .exactOptional(),
});

/** `append` is checked apart, so that a bad one is refused by its number and the client goes on. */
export const clientMessageSchema = z.discriminatedUnion('t', [
  z.object({
    t: z.literal('hello'),
    version: z.literal(PROTOCOL_VERSION),
    pid: number,
    /** The lease this process already holds: after a reconnect, or of a call it took over. */
    held: heldSchema.nullable(),
  }),
  z.object({ t: z.literal('append'), n: number, append: z.unknown() }),
  z.object({ t: z.literal('request'), n: number, method: z.string(), params: z.unknown() }),
  z.object({ t: z.literal('store'), n: number, method: z.string(), args: z.array(z.unknown()) }),
  z.object({ t: z.literal('cancel'), n: number }),
]);
export type ClientMessage = z.infer<typeof clientMessageSchema>;

const resultSchema: z.ZodType<AppendResult> = z.discriminatedUnion('status', [
  z.object({ status: z.literal('appended') }),
  z.object({ status: z.literal('fenced') }),
  z.object({ status: z.literal('refused'), code: z.string(), message: z.string() }),
]);

export const hostMessageSchema = z.discriminatedUnion('t', [
  z.object({ t: z.literal('ack'), n: number, result: resultSchema }),
  z.object({ t: z.literal('answer'), n: number, value: z.unknown() }),
  z.object({ t: z.literal('failure'), n: number, error: WireError }),
  z.object({ t: z.literal('fenced'), callId: z.string() }),
]);
export type HostMessage = z.infer<typeof hostMessageSchema>;

export function hello(held: HeldLease | null): ClientMessage {
  return { t: 'hello', version: PROTOCOL_VERSION, pid: process.pid, held };
}

/** The append that ends a call: from there on nobody has to hold it. */
export function endsCall(append: Append): boolean {
  return append.events?.some((event) => event.type === 'call.ended') ?? false;
}
