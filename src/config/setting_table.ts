import type { z } from 'zod';
import { LOG_LEVELS } from './log.ts';
import * as read from './setting_schemas.ts';

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
  'Agents and calls',
  'Outbound calls',
  'SIP trunk',
  'Storage and logs',
  'Local stack',
] as const;
export type SettingGroup = (typeof SETTING_GROUPS)[number];

/** What the loader makes of the table: a value for each name, typed by its schema and default. */
export type SettingValues = {
  [Name in keyof typeof SETTINGS]: (typeof SETTINGS)[Name] extends Setting<infer T, infer D>
    ? D extends string
      ? T
      : T | undefined
    : never;
};

// Keeps each row's own types where an annotation of the whole table would lose them.
function setting<T, const D extends string | undefined = undefined>(
  row: Omit<Setting<T, D>, 'default'> & { default?: D },
): Setting<T, D> {
  return { ...row, default: row.default as D };
}

/**
 * Every setting there is: `loadSettings` reads this table, and docs/configuration.md and
 * .env.example are written from it. A default goes through its schema like any other value.
 */
export const SETTINGS = {
  LIVEKIT_URL: setting({
    group: 'LiveKit',
    meaning: 'LiveKit Cloud or a LiveKit server of your own.',
    schema: read.url(['ws', 'wss', 'http', 'https'], { base: true }),
    defaultMeaning: '`ws://127.0.0.1:7880`, the local stack on its `STACK_LIVEKIT_PORT`',
    example: 'wss://my-project.livekit.cloud',
  }),
  LIVEKIT_API_KEY: setting({
    group: 'LiveKit',
    meaning:
      'The key of that LiveKit. The local stack needs none: keys for it are made once, in `DATA_DIR`.',
    schema: read.text,
    defaultMeaning: 'made for the local stack',
    example: 'APIxxxxxxxxxxxx',
    secret: true,
  }),
  LIVEKIT_API_SECRET: setting({
    group: 'LiveKit',
    meaning: 'The secret that belongs to `LIVEKIT_API_KEY`.',
    schema: read.text,
    defaultMeaning: 'made for the local stack',
    example: 'the secret shown beside the key',
    secret: true,
  }),
  LIVEKIT_AGENT_NAME: setting({
    group: 'LiveKit',
    meaning: 'The name that calls are dispatched to.',
    schema: read.text,
    default: 'callwire',
    example: 'callwire-staging',
  }),

  OPENAI_API_KEY: setting({
    group: 'Model',
    meaning:
      'The key of the speech model. Needed unless `OPENAI_BASE_URL` is a server that asks for none.',
    schema: read.text,
    example: 'sk-…',
    secret: true,
  }),
  OPENAI_BASE_URL: setting({
    group: 'Model',
    meaning: 'Any server that speaks the same protocols as OpenAI.',
    schema: read.url(['https', 'http'], { base: true }),
    default: 'https://api.openai.com/v1',
    example: 'http://127.0.0.1:9100/v1',
  }),
  EXTRACTION_MODEL: setting({
    group: 'Model',
    meaning:
      'The text model that reads the transcript after the call (`POST {OPENAI_BASE_URL}/chat/completions`); it has to know structured outputs.',
    schema: read.text,
    default: 'gpt-6-luna',
    example: 'gpt-6.1-sol',
  }),
  PRICES_FILE: setting({
    group: 'Model',
    meaning:
      'Your prices, in JSON: what is in it takes the place of the list prices of `src/cost/prices.json` in the `cost` of calls.',
    schema: read.text,
    defaultMeaning: 'the list prices alone',
    example: 'prices.json',
  }),

  CRM_ADAPTER: setting({
    group: 'CRM',
    meaning: '`builtin` keeps contacts in `DATA_DIR`; `http` asks a CRM of your own at `CRM_URL`.',
    schema: read.oneOf(['builtin', 'http'], { notBuiltYet: ['salesforce', 'hubspot'] }),
    defaultMeaning: '`http` where `CRM_URL` is set, else `builtin`',
    example: 'http',
  }),
  CRM_URL: setting({
    group: 'CRM',
    meaning:
      'The root of your CRM’s API: `/contacts/search` and the other paths are put behind it.',
    schema: read.url(['https', 'http'], { base: true }),
    example: 'https://crm.example.com/api',
  }),
  CRM_API_KEY: setting({
    group: 'CRM',
    meaning: 'Sent to the CRM as a bearer token.',
    schema: read.text,
    example: 'the CRM’s key',
    secret: true,
  }),

  WEBHOOK_URL: setting({
    group: 'Webhooks',
    meaning: 'The URL of your backend that receives every event.',
    schema: read.url(['https', 'http']),
    defaultMeaning:
      'with the `http` CRM adapter `{CRM_URL}/webhooks/{first word of the event}`; else nothing is sent',
    example: 'https://backend.example.com/callwire',
  }),
  WEBHOOK_SECRET: setting({
    group: 'Webhooks',
    meaning:
      'Signs the events; without it they wait. Any text, or `whsec_` and base64 of at least 24 bytes.',
    schema: read.signingSecret,
    example: 'the output of: openssl rand -base64 32',
    secret: true,
  }),
  RETRY_SCHEDULE: setting({
    group: 'Webhooks',
    meaning:
      'The waits between the attempts of a delivery or a CRM write, in order (`ms`, `s`, `m`, `h`, `d`). After the last one it is given up and can be replayed.',
    schema: read.retrySchedule,
    default: '2s,10s,30s,2m,10m,30m,2h,5h,10h,10h,20h',
    example: '5s,1m,10m,1h',
  }),
  ENDPOINT_DISABLE_AFTER: setting({
    group: 'Webhooks',
    meaning:
      'An endpoint made through the API that has only failed for so long is disabled. The one of `WEBHOOK_URL` never is.',
    schema: read.duration({ minMs: 60_000, maxMs: 365 * 86_400_000 }),
    default: '5d',
    example: '2d',
  }),
  ALLOW_NETWORKS: setting({
    group: 'Webhooks',
    meaning:
      'Private networks, with commas, that endpoints made through the API may be in, and plain `http` only there. Addresses where clouds keep credentials stay refused.',
    schema: read.addresses,
    default: '',
    example: '10.0.0.0/8,127.0.0.1',
  }),
  DELIVERY_PROXY: setting({
    group: 'Webhooks',
    meaning:
      'An HTTP proxy that deliveries to public addresses go through (`CONNECT`). It is told addresses, never names: they are looked up and judged here.',
    schema: read.url(['http', 'https'], { base: true, credentials: true }),
    defaultMeaning: 'none: they are dialled directly',
    example: 'the proxy’s URL, with user name and password where it asks for them',
    secret: true,
  }),

  SERVER: setting({
    group: 'HTTP API',
    meaning: '`off` leaves the HTTP API out of the worker.',
    schema: read.flag,
    default: 'on',
    example: 'off',
  }),
  HOST: setting({
    group: 'HTTP API',
    meaning:
      'The address that the HTTP API listens on. `0.0.0.0` for all: put TLS in front of it then.',
    schema: read.text,
    default: '127.0.0.1',
    example: '0.0.0.0',
  }),
  PORT: setting({
    group: 'HTTP API',
    meaning: 'Its TCP port; `0` takes any free one.',
    schema: read.number(0, 65_535),
    default: '8080',
    example: '3000',
  }),
  PUBLIC_URL: setting({
    group: 'HTTP API',
    meaning:
      'The URL under which others reach the HTTP API; LiveKit’s webhooks go to `/livekit/webhook` behind it. `SERVER_URL` is read as well.',
    schema: read.url(['https', 'http'], { base: true }),
    defaultMeaning: '`http://{HOST}:{PORT}`',
    example: 'https://callwire.example.com',
    alias: 'SERVER_URL',
  }),
  API_KEY: setting({
    group: 'HTTP API',
    meaning:
      'The first key of the HTTP API, with every scope. More are made with `npm run keys create`.',
    schema: read.text,
    example: 'the output of: openssl rand -base64 32',
    secret: true,
  }),
  RATE_LIMIT_WRITES: setting({
    group: 'HTTP API',
    meaning: 'How many requests that change something a key may make per minute; `0` = no limit.',
    schema: read.number(0, 1_000_000),
    default: '600',
    example: '0',
  }),
  RATE_LIMIT_READS: setting({
    group: 'HTTP API',
    meaning: 'How many `GET` requests a key may make per minute; `0` = no limit.',
    schema: read.number(0, 1_000_000),
    default: '1200',
    example: '0',
  }),
  PUBLIC_API: setting({
    group: 'HTTP API',
    meaning:
      '`off` answers `/api/v1/public/*`, the alias of `/v1/*`, with 403, and stops all dialling: no call is accepted, and those that wait end `blocked` when their turn comes. The rest of `/v1/*` stays, so a proxy can publish one path and keep the other inside.',
    schema: read.flag,
    default: 'on',
    example: 'off',
  }),
  METRICS_OPEN: setting({
    group: 'HTTP API',
    meaning: '`on` gives `/metrics` to whoever asks; otherwise any key of the HTTP API is needed.',
    schema: read.flag,
    default: 'off',
    example: 'on',
  }),

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

  SIP_NUMBERS: setting({
    group: 'SIP trunk',
    meaning:
      'The phone numbers that the inbound trunk takes calls for, with commas between them. A caller of theirs whom no agent takes is refused and recorded here.',
    schema: read.phoneNumbers,
    default: '',
    example: '+15550100000,+15550100001',
  }),
  SIP_ALLOWED_ADDRESSES: setting({
    group: 'SIP trunk',
    meaning:
      'The IP addresses or networks of your carrier, with commas; calls from others are refused.',
    schema: read.addresses,
    default: '',
    example: '203.0.113.10,198.51.100.0/24',
  }),
  SIP_USERNAME: setting({
    group: 'SIP trunk',
    meaning: 'The login that the carrier must use, with `SIP_PASSWORD`.',
    schema: read.text,
    example: 'carrier',
  }),
  SIP_PASSWORD: setting({
    group: 'SIP trunk',
    meaning: 'The password that belongs to `SIP_USERNAME`.',
    schema: read.text,
    example: 'a long random password',
    secret: true,
  }),

  SIP_OUTBOUND_ADDRESS: setting({
    group: 'SIP trunk',
    meaning:
      'Where outbound calls go: the host of your carrier’s trunk, with `:port` and `;transport=udp`, `tcp` or `tls` where they are needed. Without it there is no outbound trunk.',
    schema: read.sipAddress,
    example: 'sip.example.com;transport=tcp',
  }),
  SIP_OUTBOUND_USERNAME: setting({
    group: 'SIP trunk',
    meaning:
      'The login at that trunk, with `SIP_OUTBOUND_PASSWORD`. Not needed where the carrier knows you by your address.',
    schema: read.text,
    example: 'my-trunk',
  }),
  SIP_OUTBOUND_PASSWORD: setting({
    group: 'SIP trunk',
    meaning: 'The password that belongs to `SIP_OUTBOUND_USERNAME`.',
    schema: read.text,
    example: 'the trunk’s password',
    secret: true,
  }),
  SIP_CALLER_NUMBER: setting({
    group: 'SIP trunk',
    meaning: 'The number that outbound calls come from; most carriers take only numbers of yours.',
    schema: read.phoneNumber,
    defaultMeaning: 'the first of `SIP_NUMBERS`',
    example: '+15550100000',
  }),

  DATA_DIR: setting({
    group: 'Storage and logs',
    meaning: 'The folder of the database, the spools and the made keys, for its owner only.',
    schema: read.text,
    default: '.callwire',
    example: '/var/lib/callwire',
  }),
  RETAIN_DAYS: setting({
    group: 'Storage and logs',
    meaning:
      'How many days after its end a call is removed for good: its events, transcript, recording, and its deliveries with their answers. One of which a delivery still waits stays. `0` keeps everything.',
    schema: read.number(0, 36_500),
    default: '90',
    example: '30',
  }),
  ENCRYPTION_KEY: setting({
    group: 'Storage and logs',
    meaning:
      'Seals the endpoints’ secrets in the database: 32 bytes in base64 or hex. To change it, move the old one to `ENCRYPTION_KEY_PREVIOUS`; the next start seals everything anew.',
    schema: read.encryptionKey,
    defaultMeaning: 'made once in `DATA_DIR`',
    example: 'the output of: openssl rand -base64 32',
    secret: true,
  }),
  ENCRYPTION_KEY_PREVIOUS: setting({
    group: 'Storage and logs',
    meaning: 'The keys before it, with commas between them.',
    schema: read.encryptionKeys,
    default: '',
    example: 'the key before',
    secret: true,
  }),
  LOG_LEVEL: setting({
    group: 'Storage and logs',
    meaning:
      'From `silent` to `trace`. Lines are JSON, on a terminal readable text (`CALLWIRE_PRETTY=1` or `0` in the environment overrides that).',
    schema: read.oneOf(LOG_LEVELS),
    default: 'info',
    example: 'debug',
  }),

  STACK_LIVEKIT_PORT: setting({
    group: 'Local stack',
    meaning: 'The TCP port of livekit-server.',
    schema: read.port,
    default: '7880',
    example: '17880',
  }),
  STACK_RTC_PORTS: setting({
    group: 'Local stack',
    meaning: 'The TCP port for media, then the one UDP port that all calls share.',
    schema: read.portPair,
    default: '7881-7882',
    example: '17881-17882',
  }),
  STACK_SIP_PORT: setting({
    group: 'Local stack',
    meaning: 'The UDP and TCP port of livekit-sip.',
    schema: read.port,
    default: '5060',
    example: '15060',
  }),
  STACK_REDIS_PORT: setting({
    group: 'Local stack',
    meaning: 'The TCP port of Redis.',
    schema: read.port,
    default: '6379',
    example: '16379',
  }),
  STACK_RTP_PORTS: setting({
    group: 'Local stack',
    meaning: 'The UDP ports for the carrier’s audio.',
    schema: read.portPair,
    default: '10000-10200',
    example: '20000-20400',
  }),
  WORKER_PORT: setting({
    group: 'Local stack',
    meaning: 'The TCP port of the worker’s own health check; `0` takes any free one.',
    schema: read.number(0, 65_535),
    default: '0',
    example: '8081',
  }),
};
