import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readdir } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { initializeLogger } from '@livekit/agents';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Profile } from '../config/profile.ts';
import type { Profiles } from '../config/profiles.ts';
import { GroupCommit } from '../ledger/group_commit.ts';
import { LedgerHost } from '../ledger/host.ts';
import { dataFolder } from '../ledger/testing/data_folder.ts';
import { fakeStore } from '../ledger/testing/fake_store.ts';
import { until } from '../tools/testing/until.ts';
import { rehearse } from './rehearsal.ts';
import { PROFILE } from './testing/fake_live_call.ts';

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));

const profiles: Profiles = { version: '', all: [PROFILE], forNumber: () => PROFILE };

describe('a rehearsal', () => {
  it('asks the ledger a question, and writes nothing about a call that there is not', async () => {
    const folder = await dataFolder();
    const fake = fakeStore();
    const asked: unknown[] = [];
    const host = await LedgerHost.listen({
      socketPath: folder.socketPath,
      store: fake.store,
      commits: new GroupCommit({ store: fake.store }),
      requests: {
        'calls.countLive': (params) => {
          asked.push(params);
          return Promise.resolve(0);
        },
      },
      onCallLost: () => {},
    });
    onTestFinished(() => host.close({ deadlineMs: 0 }));

    await rehearse({ ...folder, profiles });
    expect(asked).toHaveLength(1);
    expect(fake.batches).toEqual([]);
    expect(await readdir(folder.spoolDir).catch(() => [])).toEqual([]);
  });

  it('asks a backend only where a profile has one', async () => {
    const asked: string[] = [];
    const note = (message: unknown) => {
      const { request } = message as { request: IncomingMessage };
      asked.push(`${request.method} ${request.url}`);
    };
    subscribe('http.server.request.start', note);
    onTestFinished(() => void unsubscribe('http.server.request.start', note));
    await rehearse({ ...(await dataFolder()), profiles });
    const crm = 'POST /contacts/search';
    const livekit = 'POST /twirp/livekit.SIP/CreateSIPParticipant';
    expect(asked.splice(0).sort()).toEqual([crm, livekit]);

    const onCallStart = 'https://backend.example/start';
    const own = { ...PROFILE, hooks: { onCallStart } as Profile['hooks'] };
    await rehearse({ ...(await dataFolder()), profiles: { ...profiles, all: [PROFILE, own] } });
    expect(asked.sort()).toEqual(['POST /', crm, livekit]);
  });

  it('leaves nothing open that would keep a process from its exit', async () => {
    const open = () => process.getActiveResourcesInfo().filter((name) => /TCP/.test(name)).length;
    const before = open();
    await rehearse({ ...(await dataFolder()), profiles });
    await until(() => open() <= before);
  });

  it('lets a process become warm although no ledger is there and a template is wrong', async () => {
    const broken = { ...PROFILE, prompt: '{% if %}' };
    const wrong: Profiles = { version: '', all: [broken], forNumber: () => broken };
    await expect(rehearse({ ...(await dataFolder()), profiles: wrong })).resolves.toBeUndefined();
  });
});
