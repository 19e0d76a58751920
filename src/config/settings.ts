import { join, resolve } from 'node:path';
import { CallwireError } from '../errors.ts';
import type { CallingWindow } from './calling_window.ts';
import { readDotEnv } from './dot_env.ts';
import { type LivekitKeys, localLivekitKeys } from './livekit_keys.ts';
import type { LogLevel } from './log.ts';
import type { Setting } from './setting.ts';
import type { RecordingsPlace, SipAddress } from './setting_schemas.ts';
import { SETTINGS, type SettingValues } from './setting_table.ts';

/** Everything the environment decides. Paths are absolute, URLs have no slash at their end. */
export interface Settings {
  livekit: { url: string; apiKey: string; apiSecret: string; agentName: string };
  openai: { apiKey: string | undefined; baseUrl: string; extractionModel: string };
  /** Where the operator's own prices are. */
  pricesFile: string | undefined;
  crm: { adapter: 'builtin' | 'http'; url: string | undefined; apiKey: string | undefined };
  /**
   * Where events go without any endpoint made through the API; `null` for nowhere. With
   * `perEvent`, `/` and the first word of the event's type are to be put behind `url`
   * (`intent.recorded` → `{url}/intent`).
   */
  defaultEndpoint: { url: string; perEvent: boolean; secret: string | undefined } | null;
  /** Signs whatever has no secret of its own; also where no default endpoint uses it. */
  webhookSecret: string | undefined;
  dataDir: string;
  agentsDir: string;
  calls: {
    max: number;
    maxPerCaller: number;
    contextBudgetMs: number;
    maxMinutes: number;
    drainSeconds: number;
    /** Of `max`, for callers only. */
    inboundReserve: number;
  };
  /** What must hold before a phone is dialled. */
  gate: {
    /** `false` stops all dialling. */
    dialling: boolean;
    consentRequired: boolean;
    /** `null` = any hour. */
    callingHours: CallingWindow | null;
    /** In any 24 hours. */
    dailyCalls: number;
    callsPerNumberPerDay: number;
    /** `null` = no cap. */
    spendCapUsdPerDay: number | null;
  };
  sip: {
    /** E.164. */
    numbers: string[];
    /** IP addresses and networks in CIDR form. */
    allowedAddresses: string[];
    username: string | undefined;
    password: string | undefined;
    /** `null` where no calls can be placed. */
    outbound:
      | (SipAddress & {
          username: string | undefined;
          password: string | undefined;
          /** E.164. */
          callerNumber: string;
        })
      | null;
  };
  outbound: {
    ringSeconds: number;
    /** At a time. */
    calls: number;
    callsPerSecond: number;
  };
  stack: {
    livekitPort: number;
    rtcTcpPort: number;
    rtcUdpPort: number;
    sipPort: number;
    redisPort: number;
    /** Both ends belong to the range. */
    rtpPorts: { from: number; to: number };
  };
  /** 0 = any free one. */
  workerPort: number;
  recordings: RecordingsPlace;
  recordingEngine: 'call' | 'egress';
  /** Days after its end at which a call is removed; 0 = never. */
  retainDays: number;
  delivery: {
    /** The wait before each retry, in order. */
    retryScheduleMs: number[];
    endpointDisableAfterMs: number;
    /** IP addresses and networks in CIDR form. */
    allowNetworks: string[];
    /** May hold a password. */
    proxy: string | undefined;
  };
  server: {
    enabled: boolean;
    host: string;
    /** 0 = any free one. */
    port: number;
    publicUrl: string | undefined;
    /** The first API key, with every scope. */
    apiKey: string | undefined;
    /** Requests a minute and key, 0 = no limit. */
    writesPerMinute: number;
    readsPerMinute: number;
    /** Whether `/api/v1/public/*` is there. */
    publicApi: boolean;
    metricsOpen: boolean;
  };
  /** What other platforms report of their calls. */
  ingest: {
    /** What each signs with; `generic` signs the shape that belongs to none. */
    secrets: Record<'retell' | 'vapi' | 'bland' | 'elevenlabs' | 'generic', string | undefined>;
    /** A call of which nothing is heard for so long is closed. */
    staleAfterMs: number;
  };
  /** As configured; `encryptionKeys` makes what is missing. */
  encryption: { key: Buffer | undefined; previous: Buffer[] };
  logLevel: LogLevel;
}

export interface LoadSettingsOptions {
  /** `dev` does not wait for running calls at its end. (Default: `start`) */
  mode?: 'dev' | 'start';
  env?: NodeJS.ProcessEnv;
  /** Where `.env` is read and what paths are relative to. */
  cwd?: string;
}

/**
 * The settings of this process, from `env` and, for what it lacks, `.env` of `cwd`. Makes the
 * local stack's LiveKit keys in DATA_DIR where it takes them. Changes nothing in `env`.
 * Throws one `CONFIG_INVALID` whose message has a line for each wrong setting, with its remedy
 * and without its value.
 */
export function loadSettings({
  mode = 'start',
  env = process.env,
  cwd = process.cwd(),
}: LoadSettingsOptions = {}): Settings {
  const problems: string[] = [];
  const raw = { ...readDotEnv(cwd), ...env };
  const read = readValues(raw, problems);
  checkTogether(read, raw, problems);
  if (problems.length > 0) throw invalid(problems);
  const values = read as SettingValues;

  const dataDir = resolve(cwd, values.DATA_DIR);
  const crmAdapter = values.CRM_ADAPTER ?? (values.CRM_URL ? 'http' : 'builtin');
  return {
    livekit: {
      url: values.LIVEKIT_URL?.replace(/^http/, 'ws') ?? localUrl(values),
      ...livekitKeys(values, dataDir),
      agentName: values.LIVEKIT_AGENT_NAME,
    },
    openai: {
      apiKey: values.OPENAI_API_KEY,
      baseUrl: values.OPENAI_BASE_URL,
      extractionModel: values.EXTRACTION_MODEL,
    },
    pricesFile: values.PRICES_FILE && resolve(cwd, values.PRICES_FILE),
    crm: { adapter: crmAdapter, url: values.CRM_URL, apiKey: values.CRM_API_KEY },
    defaultEndpoint: defaultEndpoint(values, crmAdapter),
    webhookSecret: values.WEBHOOK_SECRET,
    dataDir,
    agentsDir: resolve(cwd, values.AGENTS_DIR),
    calls: {
      max: values.MAX_CALLS,
      maxPerCaller: values.MAX_CALLS_PER_CALLER,
      contextBudgetMs: values.CONTEXT_BUDGET_MS,
      maxMinutes: values.MAX_CALL_MINUTES,
      drainSeconds: values.DRAIN_SECONDS ?? (mode === 'dev' ? 0 : 600),
      inboundReserve: values.INBOUND_RESERVE,
    },
    gate: {
      dialling: values.PUBLIC_API,
      consentRequired: values.CONSENT === 'required',
      callingHours: values.CALLING_HOURS,
      dailyCalls: values.DAILY_CALLS,
      callsPerNumberPerDay: values.CALLS_PER_NUMBER_PER_DAY,
      spendCapUsdPerDay: values.SPEND_CAP_USD_PER_DAY ?? null,
    },
    sip: {
      numbers: values.SIP_NUMBERS,
      allowedAddresses: values.SIP_ALLOWED_ADDRESSES,
      username: values.SIP_USERNAME,
      password: values.SIP_PASSWORD,
      outbound: outboundTrunk(values),
    },
    outbound: {
      ringSeconds: values.RING_SECONDS,
      calls: values.OUTBOUND_CALLS,
      callsPerSecond: values.OUTBOUND_CALLS_PER_SECOND,
    },
    stack: {
      livekitPort: values.STACK_LIVEKIT_PORT,
      rtcTcpPort: values.STACK_RTC_PORTS.from,
      rtcUdpPort: values.STACK_RTC_PORTS.to,
      sipPort: values.STACK_SIP_PORT,
      redisPort: values.STACK_REDIS_PORT,
      rtpPorts: values.STACK_RTP_PORTS,
    },
    workerPort: values.WORKER_PORT,
    recordings: recordingsPlace(values, { cwd, dataDir }),
    recordingEngine: values.RECORDING_ENGINE,
    retainDays: values.RETAIN_DAYS,
    delivery: {
      retryScheduleMs: values.RETRY_SCHEDULE,
      endpointDisableAfterMs: values.ENDPOINT_DISABLE_AFTER,
      allowNetworks: values.ALLOW_NETWORKS,
      proxy: values.DELIVERY_PROXY,
    },
    server: {
      enabled: values.SERVER,
      host: values.HOST,
      port: values.PORT,
      publicUrl: values.PUBLIC_URL,
      apiKey: values.API_KEY,
      writesPerMinute: values.RATE_LIMIT_WRITES,
      readsPerMinute: values.RATE_LIMIT_READS,
      publicApi: values.PUBLIC_API,
      metricsOpen: values.METRICS_OPEN,
    },
    ingest: {
      secrets: {
        retell: values.RETELL_API_KEY,
        vapi: values.VAPI_SERVER_SECRET,
        bland: values.BLAND_WEBHOOK_SECRET,
        elevenlabs: values.ELEVENLABS_WEBHOOK_SECRET,
        generic: values.INGEST_SECRET,
      },
      staleAfterMs: values.INGEST_STALE_AFTER,
    },
    encryption: { key: values.ENCRYPTION_KEY, previous: values.ENCRYPTION_KEY_PREVIOUS },
    logLevel: values.LOG_LEVEL,
  };
}

/** The table's values. Where one is wrong it is missing here, and the problem is noted. */
function readValues(raw: NodeJS.Dict<string>, problems: string[]): Partial<SettingValues> {
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
    const alias = setting.alias === undefined ? undefined : raw[setting.alias]?.trim();
    const text = raw[name]?.trim() || alias || setting.default;
    if (text === undefined) continue;
    const result = setting.schema.safeParse(text);
    if (result.success) values[name] = result.data;
    else problems.push(`${name} ${result.error.issues.map((issue) => issue.message).join('; ')}.`);
  }
  return values as Partial<SettingValues>;
}

/** What no setting can know alone. A value that was refused already counts as set. */
function checkTogether(
  values: Partial<SettingValues>,
  raw: NodeJS.Dict<string>,
  problems: string[],
): void {
  const isSet = (name: string) => Boolean(raw[name]?.trim());

  if (isSet('DATABASE_URL')) {
    problems.push(
      'DATABASE_URL is set, but Postgres is not built yet: remove it, SQLite in DATA_DIR is used.',
    );
  }
  if (values.CRM_ADAPTER === 'http' && !isSet('CRM_URL')) {
    problems.push('CRM_URL is missing: CRM_ADAPTER=http needs the root of your CRM’s API.');
  }
  if (values.RECORDING_ENGINE === 'egress' && values.RECORDINGS_URL?.kind !== 's3') {
    problems.push(
      'RECORDINGS_URL is no bucket: RECORDING_ENGINE=egress needs one, such as s3://my-bucket/callwire.',
    );
  }
  for (const [one, other] of [
    ['LIVEKIT_API_KEY', 'LIVEKIT_API_SECRET'],
    ['SIP_USERNAME', 'SIP_PASSWORD'],
    ['SIP_OUTBOUND_USERNAME', 'SIP_OUTBOUND_PASSWORD'],
  ] as const) {
    if (isSet(one) === isSet(other)) continue;
    const [set, missing] = isSet(one) ? [one, other] : [other, one];
    problems.push(`${missing} is missing: ${set} is set, and one is of no use without the other.`);
  }
  if (isSet('SIP_OUTBOUND_ADDRESS') && !isSet('SIP_CALLER_NUMBER') && !isSet('SIP_NUMBERS')) {
    problems.push(
      'SIP_CALLER_NUMBER is missing: calls to SIP_OUTBOUND_ADDRESS need a number that they come from.',
    );
  }
  if (
    values.LIVEKIT_URL &&
    values.STACK_LIVEKIT_PORT &&
    !isLocalStack(values) &&
    !isSet('LIVEKIT_API_KEY') &&
    !isSet('LIVEKIT_API_SECRET')
  ) {
    problems.push(
      'LIVEKIT_API_KEY and LIVEKIT_API_SECRET are missing: LIVEKIT_URL is not the local stack, ' +
        'so take them from the settings of your LiveKit project, or remove LIVEKIT_URL.',
    );
  }
  checkPorts(values, problems);
}

function checkPorts(values: Partial<SettingValues>, problems: string[]): void {
  const { STACK_RTP_PORTS: rtp, STACK_RTC_PORTS: rtc, STACK_SIP_PORT: sip } = values;
  if (rtp && rtp.from > rtp.to) {
    problems.push('STACK_RTP_PORTS ends before it begins: write the lower port first.');
  }
  const tcp = new Map<number, string>();
  for (const [name, port] of [
    ['STACK_LIVEKIT_PORT', values.STACK_LIVEKIT_PORT],
    ['STACK_RTC_PORTS', rtc?.from],
    ['STACK_SIP_PORT', sip],
    ['STACK_REDIS_PORT', values.STACK_REDIS_PORT],
  ] as const) {
    if (port === undefined) continue;
    const holder = tcp.get(port);
    if (holder) problems.push(`${name} has the TCP port of ${holder}: give it another.`);
    else tcp.set(port, name);
  }
  for (const [name, port] of [
    ['STACK_RTC_PORTS', rtc?.to],
    ['STACK_SIP_PORT', sip],
  ] as const) {
    if (rtp && port !== undefined && port >= rtp.from && port <= rtp.to) {
      problems.push(`${name} has a UDP port inside STACK_RTP_PORTS: move one of them.`);
    }
  }
  if (sip !== undefined && sip === rtc?.to) {
    problems.push('STACK_RTC_PORTS has the UDP port of STACK_SIP_PORT: give it another.');
  }
}

function localUrl(values: SettingValues): string {
  return `ws://127.0.0.1:${values.STACK_LIVEKIT_PORT}`;
}

function isLocalStack(values: Partial<SettingValues>): boolean {
  if (!values.LIVEKIT_URL) return true;
  const { protocol, hostname, port, pathname } = new URL(values.LIVEKIT_URL);
  return (
    (protocol === 'ws:' || protocol === 'http:') &&
    ['127.0.0.1', 'localhost', '[::1]'].includes(hostname) &&
    Number(port || 80) === values.STACK_LIVEKIT_PORT &&
    pathname === '/'
  );
}

/** Called last, because it may make a file: nothing is left behind by a start that fails. */
function livekitKeys(values: SettingValues, dataDir: string): LivekitKeys {
  if (values.LIVEKIT_API_KEY && values.LIVEKIT_API_SECRET) {
    return { apiKey: values.LIVEKIT_API_KEY, apiSecret: values.LIVEKIT_API_SECRET };
  }
  try {
    return localLivekitKeys(dataDir);
  } catch (cause) {
    throw invalid(
      [
        'DATA_DIR cannot give the keys of the local LiveKit (livekit-keys.json): make it a folder ' +
          'that this user may write to; if that file is damaged, remove it and start npm run stack again.',
      ],
      cause,
    );
  }
}

function defaultEndpoint(
  values: SettingValues,
  crmAdapter: 'builtin' | 'http',
): Settings['defaultEndpoint'] {
  const secret = values.WEBHOOK_SECRET;
  if (values.WEBHOOK_URL) return { url: values.WEBHOOK_URL, perEvent: false, secret };
  if (crmAdapter === 'http') return { url: `${values.CRM_URL}/webhooks`, perEvent: true, secret };
  return null;
}

function recordingsPlace(
  { RECORDINGS_URL: place }: SettingValues,
  { cwd, dataDir }: { cwd: string; dataDir: string },
): RecordingsPlace {
  if (place === undefined) return { kind: 'folder', path: join(dataDir, 'recordings') };
  return place.kind === 'folder' ? { kind: 'folder', path: resolve(cwd, place.path) } : place;
}

function outboundTrunk(values: SettingValues): Settings['sip']['outbound'] {
  const callerNumber = values.SIP_CALLER_NUMBER ?? values.SIP_NUMBERS[0];
  if (!values.SIP_OUTBOUND_ADDRESS || callerNumber === undefined) return null;
  return {
    ...values.SIP_OUTBOUND_ADDRESS,
    username: values.SIP_OUTBOUND_USERNAME,
    password: values.SIP_OUTBOUND_PASSWORD,
    callerNumber,
  };
}

function invalid(problems: readonly string[], cause?: unknown): CallwireError {
  const count = problems.length === 1 ? 'A setting is' : `${problems.length} settings are`;
  return new CallwireError(
    'CONFIG_INVALID',
    [`${count} wrong:`, ...problems.map((problem) => `- ${problem}`)].join('\n'),
    {
      remedy:
        'Correct what is named above, in the environment or in .env; docs/configuration.md has them all.',
      cause,
    },
  );
}
