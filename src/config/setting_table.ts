import type { Setting } from './setting.ts';
import { API_SETTINGS } from './settings_by_group/api.ts';
import { CALL_SETTINGS } from './settings_by_group/calls.ts';
import { CONNECTION_SETTINGS } from './settings_by_group/connections.ts';
import { INGEST_SETTINGS } from './settings_by_group/ingest.ts';
import { MACHINE_SETTINGS } from './settings_by_group/machine.ts';
import { SIP_SETTINGS } from './settings_by_group/sip.ts';

/**
 * Every setting there is: `loadSettings` reads this table, and docs/configuration.md and
 * .env.example are written from it. A default goes through its schema like any other value.
 */
export const SETTINGS = {
  ...CONNECTION_SETTINGS,
  ...API_SETTINGS,
  ...INGEST_SETTINGS,
  ...CALL_SETTINGS,
  ...SIP_SETTINGS,
  ...MACHINE_SETTINGS,
};

/** What the loader makes of the table: a value for each name, typed by its schema and default. */
export type SettingValues = {
  [Name in keyof typeof SETTINGS]: (typeof SETTINGS)[Name] extends Setting<infer T, infer D>
    ? D extends string
      ? T
      : T | undefined
    : never;
};
