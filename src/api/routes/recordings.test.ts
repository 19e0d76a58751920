import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type TestApi, testApi } from '../testing/test_api.ts';
import { endedCall, write } from '../testing/written_call.ts';

const SOUND = 'RIFF and 24 bytes of sound';

/** A call with its recording in the folder; `retainMs` from now. */
async function recorded(api: TestApi, retainMs: number | null = null): Promise<string> {
  const id = await endedCall(api.store);
  const now = Date.now();
  await write(api.store, {
    callId: id,
    recording: {
      callId: id,
      state: 'stored',
      location: `${id}.wav`,
      contentType: 'audio/wav',
      bytes: SOUND.length,
      durationMs: 1_000,
      startedAt: now,
      deleteAfter: retainMs === null ? null : now + retainMs,
      createdAt: now,
    },
  });
  const found = await api.options.recordings.find(id);
  if (found.kind === 'file') {
    await mkdir(dirname(found.path), { recursive: true });
    await writeFile(found.path, SOUND);
  }
  return id;
}

/** Path and query of the URL that the call shows. */
async function urlOf(api: TestApi, id: string): Promise<string> {
  const { call } = (await api.request('GET', `/v1/calls/${id}`)).body;
  const url = new URL(call.recordingUrl);
  expect(url.origin).toBe('http://api.example');
  return url.pathname + url.search;
}

const get = (api: TestApi, url: string, headers: Record<string, string> = {}) =>
  api.request('GET', url, { key: null, headers });
const forbidden = { status: 403, body: { error: { code: 'forbidden' } } };

describe('a recording', () => {
  it('is fetched with its URL alone, whole or in parts', async () => {
    const api = await testApi();
    const url = await urlOf(api, await recorded(api));
    expect(await get(api, url)).toMatchObject({
      status: 200,
      body: SOUND,
      headers: {
        'content-type': 'audio/wav',
        'accept-ranges': 'bytes',
        'cache-control': 'no-store',
      },
    });
    expect(await get(api, url, { range: 'bytes=5-7' })).toMatchObject({
      status: 206,
      body: 'and',
      headers: { 'content-range': `bytes 5-7/${SOUND.length}`, 'content-length': '3' },
    });
    expect(await get(api, url, { range: 'bytes=99-' })).toMatchObject({
      status: 416,
      body: { error: { code: 'range_not_satisfiable' } },
      headers: { 'content-range': `bytes */${SOUND.length}` },
    });
    expect(await api.request('HEAD', url, { key: null })).toMatchObject({
      status: 200,
      headers: { 'content-length': String(SOUND.length) },
    });
  });

  it('is not fetched with a URL that somebody has made, or changed', async () => {
    const api = await testApi();
    const id = await recorded(api);
    const url = await urlOf(api, id);
    const other = await recorded(api);
    const longer = url.replace(/expires=(\d+)/, (_, at) => `expires=${Number(at) + 1}`);
    for (const wrong of [
      `/v1/recordings/${id}`,
      `/v1/recordings/${id}?expires=9999999999&signature=${'0'.repeat(64)}`,
      `/v1/recordings/${id}?expires=&signature=`,
      `/v1/recordings/${id}?expires=1e99&signature=x`,
      url.replace(id, other),
      longer,
      `${url}00`,
    ]) {
      expect({ wrong, ...(await get(api, wrong)) }).toMatchObject(forbidden);
    }
    // Nor does a key help: it is the URL that counts.
    expect(await api.request('GET', `/v1/recordings/${id}`)).toMatchObject(forbidden);
  });

  it('is gone with its time, at once', async () => {
    const api = await testApi();
    const id = await recorded(api, 60_000);
    const url = await urlOf(api, id);
    await api.store.redactCall(id);
    expect(await get(api, url)).toMatchObject({
      status: 410,
      body: { error: { code: 'redacted' } },
    });
    const { call } = (await api.request('GET', `/v1/calls/${id}`)).body;
    expect(call).toMatchObject({ recordingUrl: null, recordingExpiresAt: null });
  });

  it('is deleted with the content of its call', async () => {
    const api = await testApi();
    const id = await recorded(api);
    const url = await urlOf(api, id);
    expect((await api.request('DELETE', `/v1/calls/${id}/content`)).status).toBe(204);
    expect((await get(api, url)).status).toBe(410);
    expect(await api.store.getRecording(id)).toMatchObject({ state: 'deleted' });
  });

  it('of which the file is missing is not found', async () => {
    const api = await testApi();
    const id = await recorded(api);
    const url = await urlOf(api, id);
    const found = await api.options.recordings.find(id);
    if (found.kind !== 'file') throw new Error('no file');
    await rm(found.path);
    expect((await get(api, url)).status).toBe(404);
  });
});
