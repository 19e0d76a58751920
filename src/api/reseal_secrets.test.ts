import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { createSecretBox } from '../config/secret_box.ts';
import { resealSecrets } from './reseal_secrets.ts';
import { testApi } from './testing/test_api.ts';

it('after a change of the key everything is sealed with the new one', async () => {
  const [old, next] = [randomBytes(32), randomBytes(32)];
  const before = createSecretBox({ current: old, previous: [] });
  const { store, request } = await testApi({ secrets: before });
  const ids: string[] = [];
  for (const name of ['one', 'two']) {
    const body = { name, url: 'https://backend.example' };
    ids.push((await request('POST', '/v1/webhooks', { body })).body.webhook.id);
  }
  const rotated = await request('POST', `/v1/webhooks/${ids[0]}/rotate-secret`);

  const between = createSecretBox({ current: next, previous: [old] });
  expect(await resealSecrets(store, between)).toEqual({ resealed: 3, unreadable: 0 });
  expect(await resealSecrets(store, between)).toEqual({ resealed: 0, unreadable: 0 });
  const after = createSecretBox({ current: next, previous: [] });
  const endpoint = await store.getEndpoint(ids[0]!);
  expect(after.open(endpoint!.secret)).toBe(rotated.body.signingSecret);
});

it('what no key opens is counted and left as it is', async () => {
  const { store, request } = await testApi();
  const body = { name: 'one', url: 'https://backend.example' };
  const { webhook } = (await request('POST', '/v1/webhooks', { body })).body;
  const before = await store.getEndpoint(webhook.id);
  const stranger = createSecretBox({ current: randomBytes(32), previous: [] });
  expect(await resealSecrets(store, stranger)).toEqual({ resealed: 0, unreadable: 1 });
  expect(await store.getEndpoint(webhook.id)).toEqual(before);
});
