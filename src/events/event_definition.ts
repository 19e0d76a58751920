import type { z } from 'zod';

/**
 * One type of event.
 *
 * `data` is what the event carries beside the common fields; `derived` lists those of them that
 * the store fills in from the call's record, so that whoever writes the event (a call process, or
 * a sweeper that knows nothing but that it died) writes the same body.
 */
export interface EventDefinition<D extends z.ZodObject, K extends string> {
  /** What it tells the receiver. */
  meaning: string;
  /** The moment it is written. */
  when: string;
  /**
   * `call`: numbered by the call's `sequence`. `transcript`: by its own `transcript_sequence`.
   * `none`: belongs to no call. `unstored`: never kept, so never numbered.
   */
  counter: 'call' | 'transcript' | 'none' | 'unstored';
  /** `reserved`: fixed for receivers, written by no code yet. */
  status: 'emitted' | 'reserved';
  data: D;
  derived: readonly K[];
  /** Of what its writer gives, for the documentation. */
  example: Omit<z.input<D>, K>;
}

/** Checks a definition where it stands and keeps its exact type. */
export function defineEvent<
  D extends z.ZodObject,
  const K extends Extract<keyof z.infer<D>, string>,
>(definition: EventDefinition<D, K>): EventDefinition<D, K> {
  return definition;
}
