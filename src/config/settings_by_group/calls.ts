import { setting } from '../setting.ts';
import * as read from '../setting_schemas.ts';

/** Calls: how many, how long, and whom we may call. */
export const CALL_SETTINGS = {
  AGENTS_DIR: setting({
    group: 'Agents and calls',
    meaning: 'The folder of the agent profiles, one YAML file each.',
    schema: read.text,
    default: 'agent/profiles',
    example: '/etc/callwire/profiles',
  }),
  MAX_CALLS: setting({
    group: 'Agents and calls',
    meaning: 'How many calls this worker takes at a time; the next caller hears busy.',
    schema: read.number(1, 10_000),
    default: '10',
    example: '30',
  }),
  MAX_CALLS_PER_CALLER: setting({
    group: 'Agents and calls',
    meaning: 'How many calls the same number may have at a time.',
    schema: read.number(1, 10_000),
    default: '2',
    example: '1',
  }),
  CONTEXT_BUDGET_MS: setting({
    group: 'Agents and calls',
    meaning:
      'Milliseconds that the phone may ring on while the caller is looked up; a profile’s `context.budget_ms` goes first.',
    schema: read.number(0, 60_000),
    default: '2500',
    example: '4000',
  }),
  MAX_CALL_MINUTES: setting({
    group: 'Agents and calls',
    meaning: 'No call lasts longer than this; a profile’s `max_minutes` can only shorten it.',
    schema: read.number(0.01, 1_440, { whole: false }),
    default: '60',
    example: '30',
  }),
  DRAIN_SECONDS: setting({
    group: 'Agents and calls',
    meaning:
      'How long running calls may go on after SIGTERM. Then they end with a spoken goodbye; a second signal does that at once.',
    schema: read.number(0, 86_400),
    defaultMeaning: '`600`; with `dev` `0`',
    example: '120',
  }),

  CONSENT: setting({
    group: 'Outbound calls',
    meaning:
      '`required` calls only people of whom the request says that they have agreed (`knownConsent`, `consentRecordId`).',
    schema: read.oneOf(['required', 'off']),
    default: 'required',
    example: 'off',
  }),
  CALLING_HOURS: setting({
    group: 'Outbound calls',
    meaning:
      'The hours of the day at which people are called, on the clock where their number is at home; a number that may be in several time zones is called when all of them allow it. May go over midnight; `off` allows any hour.',
    schema: read.callingWindow,
    default: '08:00-21:00',
    example: '09:00-20:00',
  }),
  DAILY_CALLS: setting({
    group: 'Outbound calls',
    meaning: 'How many calls one key of the API may have accepted in any 24 hours.',
    schema: read.number(0, 10_000_000),
    default: '200',
    example: '1000',
  }),
  CALLS_PER_NUMBER_PER_DAY: setting({
    group: 'Outbound calls',
    meaning: 'How often one number may be called in any 24 hours, by all keys together.',
    schema: read.number(0, 10_000),
    default: '3',
    example: '1',
  }),
  SPEND_CAP_USD_PER_DAY: setting({
    group: 'Outbound calls',
    meaning:
      'US dollars: once the calls that ended in the last 24 hours, in both directions, have cost so much, no more are placed.',
    schema: read.number(0, 1_000_000, { whole: false }),
    defaultMeaning: 'no cap',
    example: '50',
  }),
  RING_SECONDS: setting({
    group: 'Outbound calls',
    meaning: 'How long a called phone may ring before it counts as `no_answer`; 75 at most.',
    schema: read.number(5, 75),
    default: '30',
    example: '45',
  }),
  OUTBOUND_CALLS: setting({
    group: 'Outbound calls',
    meaning:
      'How many outbound calls there may be at a time: what your carrier’s trunk carries. The others wait.',
    schema: read.number(1, 10_000),
    default: '10',
    example: '4',
  }),
  OUTBOUND_CALLS_PER_SECOND: setting({
    group: 'Outbound calls',
    meaning:
      'How many calls may be dialled a second. Carriers refuse those beyond what a trunk is allowed, often 1.',
    schema: read.number(0.01, 1_000, { whole: false }),
    default: '1',
    example: '5',
  }),
  INBOUND_RESERVE: setting({
    group: 'Outbound calls',
    meaning:
      'How many of `MAX_CALLS` are kept for callers. As many as `MAX_CALLS` leave none for outbound calls.',
    schema: read.number(0, 10_000),
    default: '2',
    example: '0',
  }),
};
