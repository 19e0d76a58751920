import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { Contact } from '../../crm/crm.ts';
import { eventComposer } from '../../events/composer.ts';
import { openSqliteStore } from '../../store/sqlite_store.ts';
import type { AppendResult, Store } from '../../store/store.ts';
import { createIngest, type Ingest, type IngestAnswer } from '../ingest.ts';

/** Made up. */
export const SECRETS = {
  retell: 'key_made_up_retell',
  vapi: 'made_up_vapi_secret',
  bland: 'made_up_bland_secret',
  elevenlabs: 'wsec_made_up',
  generic: 'a-made-up-ingest-secret',
};

export interface Door {
  store: Store;
  ingest: Ingest;
  dataDir: string;
  /** With a key, in this body's JSON. */
  tell(body: unknown): Promise<IngestAnswer>;
  logged: string[];
}

/** The door on a store of its own, gone with the test. */
export async function openDoor({
  clock = Date.now,
  contacts = {},
  staleAfterMs = 6 * 3_600_000,
}: {
  clock?: () => number;
  contacts?: Record<string, Contact>;
  staleAfterMs?: number;
} = {}): Promise<Door> {
  const dataDir = await mkdtemp(join(tmpdir(), 'callwire-ingest-'));
  const store = await openSqliteStore({
    dataDir,
    composer: eventComposer,
    defaultEndpoint: { perEvent: false },
    clock,
  });
  const logged: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
  const ingest = createIngest({
    secrets: SECRETS,
    commit: async (append) => (await store.append([append]))[0] as AppendResult,
    questions: {
      crm: { findByPhone: (phone) => Promise.resolve(contacts[phone] ?? null) },
      agentFor: () => null,
      log,
    },
    staleAfterMs,
    log,
    clock,
  });
  onTestFinished(async () => {
    await store.close();
    await rm(dataDir, { recursive: true });
  });
  const never = new AbortController().signal;
  return {
    store,
    ingest,
    dataDir,
    logged,
    tell: (body) => {
      const raw = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
      return ingest.take({ headers: {}, raw, hasKey: true }, () => never);
    },
  };
}
