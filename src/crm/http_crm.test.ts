import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrmBackend } from '../../sim/crm/crm_backend.ts';
import type { Contact } from './crm.ts';
import { HttpCrm } from './http_crm.ts';

const PHONE = '+15550100001';

describe('looking up over HTTP', () => {
  let backend: CrmBackend;
  let crm: HttpCrm;
  beforeEach(async () => {
    backend = new CrmBackend({ contacts: [{ id: 'c-1', name: 'Ada Quinn', phone: PHONE }] });
    crm = new HttpCrm({ url: (await backend.start()).url, apiKey: undefined });
  });
  afterEach(() => backend.stop());

  const find = (signal = AbortSignal.timeout(10_000)) => crm.findByPhone(PHONE, signal);

  it('cuts a 10 MB answer off and never parses it', async () => {
    backend.behave('lookup', { mode: 'huge' });
    await expect(find()).rejects.toMatchObject({
      code: 'CRM_INVALID_ANSWER',
      message: expect.stringContaining('larger'),
    });
  });

  it('refuses a redirect without following it', async () => {
    backend.behave('lookup', { mode: 'redirect' });
    await expect(find()).rejects.toMatchObject({ code: 'CRM_REFUSED', retryable: false });
    expect(backend.requests.map(({ path }) => path)).toEqual(['/contacts/search']);
  });

  it.each([
    [401, 'CRM_REFUSED'],
    [404, 'CRM_REFUSED'],
    [429, 'CRM_UNAVAILABLE'],
    [500, 'CRM_UNAVAILABLE'],
  ])('rejects a %i with %s and a remedy', async (status, code) => {
    backend.behave('lookup', { mode: 'status', status });
    await expect(find()).rejects.toMatchObject({ code, remedy: expect.any(String) });
  });

  it('gives up an answer that trickles in for ever', async () => {
    backend.behave('lookup', { mode: 'trickle' });
    await expect(find(AbortSignal.timeout(200))).rejects.toMatchObject({ code: 'CRM_TIMEOUT' });
  });

  it('asks once more where the connection was lost', async () => {
    backend.behave('lookup', { mode: 'vanish', times: 1 });
    expect(await find()).toMatchObject({ id: 'c-1' });
  });

  it('asks only twice where every connection is lost', async () => {
    backend.behave('lookup', { mode: 'vanish' });
    await expect(find()).rejects.toMatchObject({ code: 'CRM_UNAVAILABLE' });
    expect(backend.requests).toHaveLength(2);
  });

  it('shows its key', async () => {
    const guarded = new CrmBackend({ apiKey: 'made-up-key' });
    const { url } = await guarded.start();
    try {
      const signal = AbortSignal.timeout(10_000);
      const withKey = new HttpCrm({ url, apiKey: 'made-up-key' });
      const without = new HttpCrm({ url, apiKey: undefined });
      expect(await withKey.findByPhone(PHONE, signal)).toBeNull();
      await expect(without.findByPhone(PHONE, signal)).rejects.toMatchObject({
        code: 'CRM_REFUSED',
        remedy: 'Check CRM_API_KEY.',
      });
    } finally {
      await guarded.stop();
    }
  });
});

describe('choosing among the results', () => {
  let server: Server;
  let body: unknown;
  let path: string | undefined;
  beforeEach(async () => {
    server = createServer((request, response) => {
      path = request.url;
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  const find = (base = ''): Promise<Contact | null> => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`;
    return new HttpCrm({ url, apiKey: undefined }).findByPhone(PHONE, AbortSignal.timeout(10_000));
  };
  const someone = { id: 'someone', phone: '+15550100002' };

  it.each([[PHONE], ['+1 (555) 010-0001'], ['555-010-0001'], ['1 555 010 0001']])(
    'takes the one whose number is the same, written as %s',
    async (phone) => {
      body = { results: [someone, { id: 'nobody' }, { id: 'sought', phone }] };
      expect(await find()).toMatchObject({ id: 'sought' });
    },
  );

  it('takes the first where no number is the same', async () => {
    body = { results: [someone, { id: 'another', phone: '5' }] };
    expect(await find()).toMatchObject({ id: 'someone' });
  });

  it('passes over a result that is no contact', async () => {
    body = { results: [null, { name: 'no id' }, someone] };
    expect(await find()).toMatchObject({ id: 'someone' });
  });

  it('reads an answer that begins with a byte-order mark', async () => {
    body = `\ufeff${JSON.stringify({ results: [someone] })}`;
    expect(await find()).toMatchObject({ id: 'someone' });
  });

  it.each([[[]], [{}], [{ results: {} }], [{ results: [null] }], ['"'], [''], ['null']])(
    'rejects %j with CRM_INVALID_ANSWER',
    async (garbage) => {
      body = garbage;
      await expect(find()).rejects.toMatchObject({ code: 'CRM_INVALID_ANSWER' });
    },
  );

  it("keeps the path of CRM_URL and the backend's version in it", async () => {
    body = { results: [] };
    expect(await find('/api/v2/')).toBeNull();
    expect(path).toBe('/api/v2/contacts/search');
  });

  /*
   * An answer without an end: were it read to the end, or the connection kept to drain it, the
   * look-up would wait for its signal instead of failing as soon as 256 KB are there.
   */
  it('hangs up on an answer that never ends', async () => {
    const endless = createServer((_, response) => {
      const more = () => {
        while (response.write('x'.repeat(16_384)) && !response.destroyed);
        response.once('drain', more);
      };
      more();
    }).listen(0, '127.0.0.1');
    await once(endless, 'listening');
    const url = `http://127.0.0.1:${(endless.address() as AddressInfo).port}`;
    const hungUp = new Promise((resolve) => {
      endless.once('connection', (socket) => socket.once('close', resolve));
    });
    const crm = new HttpCrm({ url, apiKey: undefined });
    await expect(crm.findByPhone(PHONE, AbortSignal.timeout(15_000))).rejects.toMatchObject({
      code: 'CRM_INVALID_ANSWER',
    });
    await hungUp;
    endless.close();
  });
});
