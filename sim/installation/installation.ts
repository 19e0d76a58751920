import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAdminStore } from '../../src/ledger/admin_store.ts';
import type { ContactInput, StoredEvent } from '../../src/store/store.ts';
import { provisionInbound } from '../../src/telephony/inbound_trunk.ts';
import { type LiveKitApi, livekitApi } from '../../src/telephony/livekit_api.ts';
import { provisionOutbound } from '../../src/telephony/outbound_trunk.ts';
import { LIVEKIT_WEBHOOK_PATH } from '../../src/telephony/webhook_address.ts';
import type { SimContact } from '../crm/contact_book.ts';
import { CrmBackend, type CrmBackendOptions } from '../crm/crm_backend.ts';
import { Carrier } from '../phone/carrier.ts';
import type { OutgoingCall } from '../phone/outgoing_call.ts';
import { Phone } from '../phone/phone.ts';
import { RealtimeServer, type RealtimeServerOptions } from '../realtime/server.ts';
import { waitFor } from './wait_for.ts';
import { routeWebhooks } from './webhook_hub.ts';
import { type LogLine, WorkerProcess } from './worker_process.ts';

/** Made up. */
export const SIM_SECRET = 'a-made-up-secret-for-the-stand-ins';
export const SIM_MODEL_KEY = 'a-made-up-key-for-the-stand-in';
export const SIM_API_KEY = 'a-made-up-key-of-the-environment';

/** Where a running stack is, and its keys; unlike `Stack` it can cross processes. */
export interface StackAccess {
  /** `ws://…` */
  url: string;
  sip: { host: string; port: number };
  apiKey: string;
  apiSecret: string;
  /** The `WebhookHub` to which it sends its webhooks. */
  webhookHub?: string;
}

export interface InstallationOptions {
  stack: StackAccess;
  /** The dialled number; one installation a number, so that many can share a stack. */
  number: string;
  /** More dialled numbers, for profiles that have numbers of their own. */
  moreNumbers?: readonly string[];
  /** Keys beside the installation's own that the model stand-in lets in. */
  modelKeys?: readonly string[];
  /** YAML; the model stand-in's part. */
  scenario?: string;
  /** The model stand-in's. (Default: tones) */
  voice?: NonNullable<RealtimeServerOptions['voice']>;
  /** File name → YAML. (Default: one that greets) */
  profiles?: Record<string, string>;
  /** `http`: the CRM backend stand-in is the CRM as well. (Default) */
  crm?: 'http' | 'builtin';
  contacts?: readonly SimContact[];
  /** More settings; an empty string takes one away. */
  env?: Record<string, string>;
  mode?: 'dev' | 'start';
  /** (Default: a new temporary one, removed at the end) */
  dataDir?: string;
  /** The real model instead of the stand-in. */
  model?: { apiKey: string; baseUrl?: string | undefined };
  onLogLine?: (line: LogLine) => void;
  /** Told of every request that the backend stand-in has answered. */
  onBackendRequest?: NonNullable<CrmBackendOptions['onRequest']>;
}

/** The profile of an installation that is given none. */
export const GREETER = `name: Front desk
prompt: |
  You are the front desk of Northwind. The caller is {{customerName}}.
first_message: "Hi {{customerName | default: 'there'}}, this is Northwind."
silence: { prompt_after_s: 0, hang_up_after_s: 0 }
`;

/**
 * A whole Callwire on one machine: the real worker on a real LiveKit and SIP stack, with stand-ins
 * for the model, the CRM backend, the caller's phone and the phones that are called. The demo, the tests of the running system
 * and the bench are made of these.
 */
export class Installation {
  readonly stack: StackAccess;
  readonly number: string;
  readonly dataDir: string;
  readonly livekit: LiveKitApi;
  readonly model: RealtimeServer | undefined;
  readonly backend: CrmBackend;
  readonly phone: Phone;
  /** The far end of the outbound trunk: whom our calls reach, and what they were. */
  readonly carrier: Carrier;
  worker!: WorkerProcess;
  readonly #options: InstallationOptions;
  readonly #folder: string;
  readonly #workers: WorkerProcess[] = [];
  /** Of the ledger, as far as it has been read; whoever waits for an event reads it twenty times a second. */
  readonly #read: LedgerEvent[] = [];
  #position = 0;

  private constructor(
    options: InstallationOptions,
    parts: {
      folder: string;
      model: RealtimeServer | undefined;
      backend: CrmBackend;
      phone: Phone;
      carrier: Carrier;
    },
  ) {
    this.#options = options;
    this.#folder = parts.folder;
    this.stack = options.stack;
    this.number = options.number;
    this.dataDir = options.dataDir ?? join(parts.folder, 'data');
    this.livekit = livekitApi(options.stack);
    this.model = parts.model;
    this.backend = parts.backend;
    this.phone = parts.phone;
    this.carrier = parts.carrier;
  }

  static async start(options: InstallationOptions): Promise<Installation> {
    const installation = await Installation.prepare(options);
    await installation.provision();
    await installation.startWorker();
    return installation;
  }

  /** Everything but trunk and worker, for those who show each step. */
  static async prepare(options: InstallationOptions): Promise<Installation> {
    const folder = await mkdtemp(join(tmpdir(), 'callwire-'));
    const profiles = join(folder, 'profiles');
    await mkdir(profiles);
    for (const [name, yaml] of Object.entries(options.profiles ?? { 'front-desk.yaml': GREETER })) {
      await writeFile(join(profiles, name), yaml);
    }
    const model = options.model
      ? undefined
      : await RealtimeServer.start({
          scenario: options.scenario ?? 'opening: $instructed\n',
          apiKey: [SIM_MODEL_KEY, ...(options.modelKeys ?? [])],
          voice: options.voice ?? 'tones',
        });
    const backend = new CrmBackend({
      contacts: options.contacts ?? [],
      secret: SIM_SECRET,
      ...(options.onBackendRequest ? { onRequest: options.onBackendRequest } : {}),
    });
    await backend.start();
    const phone = await Phone.open({ host: '127.0.0.1', port: 0, number: '+15550100001' });
    const carrier = await Carrier.open();
    return new Installation(options, { folder, model, backend, phone, carrier });
  }

  get agentName(): string {
    return `callwire-${this.number.replace(/\D/g, '')}`;
  }

  /** Trunks and a rule of its own: what `npm run sip:setup` makes, but many beside each other. */
  async provision(): Promise<void> {
    const { agentName, number } = this;
    await provisionInbound(this.livekit.sip, {
      numbers: [number, ...(this.#options.moreNumbers ?? [])],
      allowedAddresses: [],
      username: undefined,
      password: undefined,
      agentName,
      open: true,
      name: agentName,
    });
    await provisionOutbound(this.livekit.sip, {
      address: this.carrier.address,
      transport: 'udp',
      username: undefined,
      password: undefined,
      callerNumber: number,
      name: agentName,
    });
  }

  async startWorker(
    env: Record<string, string> = {},
    mode?: 'dev' | 'start',
  ): Promise<WorkerProcess> {
    const worker = this.spawnWorker(env, mode);
    await worker.registered();
    await worker.warm();
    return worker;
  }

  /** Without waiting for anything: for workers that are expected to fail. */
  spawnWorker(
    env: Record<string, string> = {},
    mode: 'dev' | 'start' = this.#options.mode ?? 'start',
  ): WorkerProcess {
    const { onLogLine } = this.#options;
    const onLine = (line: LogLine) => {
      if (line.msg === 'the HTTP API listens') this.#route(`${line.url}${LIVEKIT_WEBHOOK_PATH}`);
      onLogLine?.(line);
    };
    const worker = new WorkerProcess({
      mode,
      env: { ...this.environment, ...env },
      cwd: this.#folder,
      onLine,
    });
    this.worker = worker;
    this.#workers.push(worker);
    return worker;
  }

  /** LiveKit's webhooks go to the worker that listens now. */
  #route(target: string | null): void {
    const { webhookHub } = this.stack;
    if (webhookHub === undefined) return;
    routeWebhooks(webhookHub, this.agentName, target).catch(() => undefined);
  }

  /** The settings of its worker, for commands that look at the same installation. */
  get environment(): Record<string, string> {
    const { stack, crm = 'http', model, env } = this.#options;
    return {
      LIVEKIT_URL: stack.url,
      LIVEKIT_API_KEY: stack.apiKey,
      LIVEKIT_API_SECRET: stack.apiSecret,
      LIVEKIT_AGENT_NAME: this.agentName,
      SIP_NUMBERS: [this.number, ...(this.#options.moreNumbers ?? [])].join(','),
      OPENAI_API_KEY: model?.apiKey ?? SIM_MODEL_KEY,
      OPENAI_BASE_URL: model ? (model.baseUrl ?? '') : (this.model?.url ?? ''),
      CRM_ADAPTER: crm,
      CRM_URL: this.backend.url,
      WEBHOOK_URL: crm === 'builtin' ? `${this.backend.url}/webhook` : '',
      WEBHOOK_SECRET: SIM_SECRET,
      SIP_OUTBOUND_ADDRESS: `${this.carrier.address};transport=udp`,
      SIP_CALLER_NUMBER: this.number,
      // Installations stand beside each other; where it listens is in its log.
      PORT: '0',
      API_KEY: SIM_API_KEY,
      DATA_DIR: this.dataDir,
      AGENTS_DIR: join(this.#folder, 'profiles'),
      CALLWIRE_PRETTY: '0',
      ...env,
    };
  }

  /** Dials the number from the phone stand-in. */
  dial(options: { from?: string; anonymous?: boolean; to?: string } = {}): Promise<OutgoingCall> {
    const { to = this.number, ...caller } = options;
    return this.phone.dial({ proxy: this.stack.sip, to, ...caller });
  }

  /** Contacts of the built-in CRM, through the running worker, as `npm run contacts` does it. */
  async importContacts(contacts: readonly ContactInput[]): Promise<void> {
    const store = await openAdminStore(this.dataDir);
    try {
      await store.importContacts(contacts);
    } finally {
      await store.close();
    }
  }

  /** A request to the HTTP API of the running worker, by default with the key of its environment. */
  async request(
    method: string,
    path: string,
    { body, key = SIM_API_KEY }: { body?: unknown; key?: string } = {},
    // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of a body
  ): Promise<{ status: number; body: any }> {
    const { url } = await this.worker.waitForLine(({ msg }) => msg === 'the HTTP API listens');
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const isJson = answer.headers.get('content-type')?.includes('json');
    return { status: answer.status, body: await (isJson ? answer.json() : answer.text()) };
  }

  /** Everything the ledger holds, oldest first, as it was when it was first read. */
  async events(): Promise<LedgerEvent[]> {
    const store = await openAdminStore(this.dataDir);
    try {
      for (const event of await store.eventsAfter(this.#position, 10_000)) {
        // Another reader may have been here meanwhile.
        if (event.position <= this.#position) continue;
        this.#position = event.position;
        this.#read.push(parsed(event));
      }
      return [...this.#read];
    } finally {
      await store.close();
    }
  }

  /** Waits until the ledger has an event of this type (and call). */
  waitForLedger(type: string, deadlineMs = 60_000): Promise<LedgerEvent> {
    const find = async () => (await this.events()).find(({ event }) => event === type);
    return waitFor(find, { what: `${type} in the ledger`, deadlineMs });
  }

  /** LiveKit's rooms of this installation's calls that still exist. */
  async rooms(): Promise<string[]> {
    const ours = new Set((await this.events()).map(({ data }) => data.room));
    return (await this.livekit.rooms.listRooms())
      .map(({ name }) => name)
      .filter((r) => ours.has(r));
  }

  async stop(): Promise<void> {
    this.#route(null);
    await Promise.all([this.phone.close(), this.carrier.close()]);
    for (const worker of this.#workers) {
      await worker.stop();
      worker.killOrphans();
    }
    await this.backend.stop();
    await this.model?.stop();
    // A process that is just ending still writes its compiled code there.
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** An event as its receiver reads it. */
export interface LedgerEvent {
  id: string;
  event: string;
  call_id: string | null;
  sequence: number | null;
  timestamp: string;
  data: Record<string, unknown> & { room?: string };
}

function parsed(event: StoredEvent): LedgerEvent {
  return JSON.parse(event.body) as LedgerEvent;
}
