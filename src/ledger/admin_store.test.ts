import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ContactInput } from '../store/store.ts';
import { openAdminStore } from './admin_store.ts';
import { GroupCommit } from './group_commit.ts';
import { LedgerHost } from './host.ts';
import { openStore } from './open_store.ts';
import { dataFolder } from './testing/data_folder.ts';

const contact: ContactInput = {
  phone: '+15550100001',
  name: 'Avery Quinn',
  email: null,
  accountStatus: null,
  lastInteraction: null,
  preferredLanguage: null,
  fields: {},
};

describe('openAdminStore', () => {
  it('opens the store itself where no worker runs, even before the first one ever did', async () => {
    const { dataDir } = await dataFolder();
    const store = await openAdminStore(join(dataDir, 'new'));
    expect(await store.importContacts([contact])).toEqual({ created: 1, updated: 0 });
    await store.close();
  });

  it('goes through the worker where one runs, for what a command needs and no more', async () => {
    const folder = await dataFolder();
    const store = await openStore({ dataDir: folder.dataDir, defaultEndpoint: null });
    const host = await LedgerHost.listen({
      socketPath: folder.socketPath,
      store,
      commits: new GroupCommit({ store }),
      requests: {},
      onCallLost: () => {},
    });
    onTestFinished(async () => {
      await host.close({ deadlineMs: 1_000 });
      await store.close();
    });
    const admin = await openAdminStore(folder.dataDir);
    onTestFinished(() => admin.close());
    expect(await admin.importContacts([contact])).toEqual({ created: 1, updated: 0 });
    const found = await store.findContacts({ phone: contact.phone, limit: 2 });
    expect(found).toMatchObject([{ name: 'Avery Quinn' }]);
    expect(await admin.findContacts({ text: 'quinn', limit: 2 })).toEqual(found);
    const refused = { code: 'LEDGER_METHOD_UNKNOWN' };
    await expect(admin.append([])).rejects.toMatchObject(refused);
    await expect(admin.takeOver('call_x', 1)).rejects.toMatchObject(refused);
    admin.onJobs(() => {})();
  });

  it('waits for a worker that has the lock and does not listen yet', async () => {
    const folder = await dataFolder();
    const store = await openStore({ dataDir: folder.dataDir, defaultEndpoint: null });
    const opening = openAdminStore(folder.dataDir);
    const host = await LedgerHost.listen({
      socketPath: folder.socketPath,
      store,
      commits: new GroupCommit({ store }),
      requests: {},
      onCallLost: () => {},
    });
    onTestFinished(async () => {
      await host.close({ deadlineMs: 1_000 });
      await store.close();
    });
    const admin = await opening;
    expect(await admin.listDeliveries({ limit: 1 })).toEqual([]);
    await admin.close();
  });
});
