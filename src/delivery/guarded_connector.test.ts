import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, type buildConnector, request } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { guardedConnector, type Resolve } from './guarded_connector.ts';
import { guardedReach } from './reach.ts';
import { HOSTILE_IPV4, HOSTILE_IPV6, hostileUrls } from './testing/hostile_urls.ts';

const dispatchers: Agent[] = [];
let server: Server | undefined;
afterEach(async () => {
  await Promise.all(dispatchers.splice(0).map((agent) => agent.destroy()));
  server?.close();
  server?.closeAllConnections();
  server = undefined;
});

const addressOf = (address: string): LookupAddress => ({
  address,
  family: address.includes(':') ? 6 : 4,
});

/** What would have been dialled is written down, and nothing is. */
function dry(resolve: Resolve, allowNetworks: string[] = []) {
  const dialled: string[] = [];
  const names: string[] = [];
  const build: typeof buildConnector = (options = {}) => {
    const connect: buildConnector.connector = (to, callback) => {
      const { lookup } = options as { lookup: (...args: unknown[]) => void };
      lookup(to.hostname, { all: true }, (error: Error | null, found: LookupAddress[]) => {
        dialled.push(...(error ? [] : found.map(({ address }) => address)));
        callback(error ?? new Error('dry'), null);
      });
    };
    return connect;
  };
  const connect = guardedConnector({
    reach: guardedReach(allowNetworks),
    timeoutMs: 1000,
    build: build as never,
    resolve: (name) => {
      names.push(name);
      return resolve(name);
    },
  });
  const dispatcher = new Agent({ connect });
  dispatchers.push(dispatcher);
  const codeOf = async (url: string) => {
    try {
      await request(url, { dispatcher, method: 'POST', body: '{}' });
      return 'answered';
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      return code ?? message;
    }
  };
  return { codeOf, dialled, names };
}

describe('a literal address', () => {
  it('out of reach is not dialled, in more than 1,000 spellings', async () => {
    const urls = hostileUrls();
    expect(new Set(urls).size).toBeGreaterThan(1000);
    const { codeOf, dialled, names } = dry(() => Promise.resolve([addressOf('8.8.8.8')]));
    const passed: string[] = [];
    for (const url of urls) {
      if ((await codeOf(url)) !== 'DELIVERY_ADDRESS_REFUSED') passed.push(url);
    }
    expect(passed).toEqual([]);
    expect([dialled, names]).toEqual([[], []]);
  });

  it('that is public is refused without TLS alone', async () => {
    const { codeOf } = dry(() => Promise.resolve([addressOf('8.8.8.8')]));
    expect(await codeOf('http://8.8.8.8/')).toBe('DELIVERY_PLAIN_HTTP_REFUSED');
    expect(await codeOf('https://8.8.8.8/')).toBe('dry');
  });
});

describe('a name', () => {
  it.each([...HOSTILE_IPV4, ...HOSTILE_IPV6])(
    'that leads to %s is not dialled',
    async (hostile) => {
      const { codeOf, dialled } = dry(() => Promise.resolve([addressOf(hostile)]));
      expect(await codeOf('https://backend.example/')).toBe('DELIVERY_ADDRESS_REFUSED');
      expect(await codeOf('http://backend.example/')).toBe('DELIVERY_ADDRESS_REFUSED');
      expect(dialled).toEqual([]);
    },
  );

  it('is dialled at those of its addresses that are within reach', async () => {
    const addresses = ['127.0.0.1', '8.8.8.8', '::1', '2606:4700::1'].map(addressOf);
    const { codeOf, dialled } = dry(() => Promise.resolve(addresses));
    expect(await codeOf('https://backend.example/')).toBe('dry');
    expect(dialled).toEqual(['8.8.8.8', '2606:4700::1']);
  });

  it('that leads nowhere is a failed look-up', async () => {
    const failure = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    const { codeOf } = dry(() => Promise.reject(failure));
    expect(await codeOf('https://backend.example/')).toBe('ENOTFOUND');
  });

  it('is looked up by the system where nothing else is said', async () => {
    server = createServer((_, response) => response.end('here'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const ask = (networks: string[]) => {
      const connect = guardedConnector({ reach: guardedReach(networks), timeoutMs: 5000 });
      const dispatcher = new Agent({ connect });
      dispatchers.push(dispatcher);
      return request(`http://localhost:${port}/`, { dispatcher });
    };
    expect(await (await ask(['127.0.0.1'])).body.text()).toBe('here');
    await expect(ask([])).rejects.toMatchObject({ code: 'DELIVERY_ADDRESS_REFUSED' });
  });

  /**
   * DNS rebinding: a name answers with an address that is within reach when it is judged, and with
   * another one when it is dialled. Here the second answer is a server that must not be reached.
   * Each connection asks once, and goes to what was judged.
   */
  it('that changes its mind is dialled where it was judged', async () => {
    let reached = 0;
    server = createServer((_, response) => {
      reached++;
      response.setHeader('Connection', 'close');
      response.end('judged');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const answers = ['127.0.0.1', '127.0.0.2', '127.0.0.1', '127.0.0.2'];
    let asked = 0;
    const connect = guardedConnector({
      reach: guardedReach(['127.0.0.1']),
      timeoutMs: 5000,
      resolve: () => Promise.resolve([addressOf(answers[asked++] ?? '')]),
    });
    const dispatcher = new Agent({ connect });
    dispatchers.push(dispatcher);
    const url = `http://rebinding.example:${port}/`;
    expect(await (await request(url, { dispatcher })).body.text()).toBe('judged');
    expect(asked).toBe(1);
    await expect(request(url, { dispatcher })).rejects.toMatchObject({
      code: 'DELIVERY_ADDRESS_REFUSED',
    });
    expect([asked, reached]).toEqual([2, 1]);
  });
});
