import type { z } from 'zod';

/** One environment variable: what the loader reads it with, and what the reference says of it. */
export interface Setting<T = unknown, D extends string | undefined = string | undefined> {
  group: SettingGroup;
  /** Sentences for the operator. */
  meaning: string;
  schema: z.ZodType<T, string>;
  /** As it would be written; `undefined` leaves the value undefined. */
  default: D;
  /** Where the default is no fixed text. */
  defaultMeaning?: string;
  example: string;
  /** Shown empty in `.env.example`. */
  secret?: boolean;
  /** Another name that is read where the setting's own is not set. */
  alias?: string;
}

export const SETTING_GROUPS = [
  'LiveKit',
  'Model',
  'CRM',
  'Webhooks',
  'HTTP API',
  'Other platforms',
  'Agents and calls',
  'Outbound calls',
  'SIP trunk',
  'Storage and logs',
  'Local stack',
] as const;
export type SettingGroup = (typeof SETTING_GROUPS)[number];

// Keeps each row's own types where an annotation of the whole table would lose them.
export function setting<T, const D extends string | undefined = undefined>(
  row: Omit<Setting<T, D>, 'default'> & { default?: D },
): Setting<T, D> {
  return { ...row, default: row.default as D };
}
