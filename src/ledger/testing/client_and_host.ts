import { readdir } from 'node:fs/promises';
import { onTestFinished } from 'vitest';
import { newId } from '../../ids.ts';
import { LedgerClient, type LedgerClientOptions } from '../client.ts';
import { GroupCommit } from '../group_commit.ts';
import { LedgerHost, type LedgerHostOptions } from '../host.ts';
import { type DataFolder, dataFolder } from './data_folder.ts';
import { type FakeStore, fakeStore } from './fake_store.ts';

/** Longer than any test: only the tests about the 100 ms use the spool by time. */
export const NEVER = 60_000;

/** A client knocks at least once a second. */
export const RECONNECT_LIMIT_MS = 3_000;

export async function setUp() {
  const folder = await dataFolder();
  const fake = fakeStore();
  return { folder, fake };
}

export async function listen(
  folder: DataFolder,
  fake: FakeStore,
  options: Partial<LedgerHostOptions> = {},
) {
  const lost: string[] = [];
  const commits = new GroupCommit({ store: fake.store, retryFirstMs: 1 });
  const host = await LedgerHost.listen({
    socketPath: folder.socketPath,
    store: fake.store,
    commits,
    requests: {},
    returnMs: 0,
    onCallLost: (callId) => lost.push(callId),
    ...options,
  });
  onTestFinished(() => host.close({ deadlineMs: 0 }));
  return { host, lost };
}

export function connect(folder: DataFolder, options: Partial<LedgerClientOptions> = {}) {
  const callId = newId('call');
  const { socketPath, spoolDir } = folder;
  const client = new LedgerClient({ callId, lease: 1, socketPath, spoolDir, ...options });
  onTestFinished(async () => {
    await client.close({ deadlineMs: 0 });
  });
  return { client, callId: options.callId ?? callId };
}

export const spools = (folder: DataFolder) => readdir(folder.spoolDir).catch(() => []);
