import { describe, expect, it } from 'vitest';
import { TestClient } from './test_client.ts';
import {
  ask,
  closeClients,
  connect,
  createItem,
  errorOf,
  open,
  responseOf,
  serve,
  soon,
  typed,
} from './test_server.ts';

closeClients();

describe('with a fault,', () => {
  it('connections are refused, and taken again on the same port afterwards', async () => {
    const server = await serve();
    const { client } = await connect(server);
    await server.setFault('refuse');
    await expect(TestClient.open(server.url)).rejects.toThrow('ECONNREFUSED');
    client.send({ type: 'input_audio_buffer.clear' });
    await client.until('input_audio_buffer.cleared');
    await server.setFault(undefined);
    await connect(server);
  });

  it('connections get 401 or 500', async () => {
    const server = await serve();
    await server.setFault('unauthorized');
    await expect(TestClient.open(server.url)).rejects.toThrow('401');
    await server.setFault('http500');
    await expect(TestClient.open(server.url)).rejects.toThrow('500');
  });

  it('a session drops once, after the event that was named', async () => {
    const server = await serve('opening: Hello.');
    const { client } = await connect(server);
    await server.setFault({ kind: 'drop', after: 'response.created' });
    ask(client, 'r1');
    await client.untilClosed();
    const { client: next } = await connect(server);
    ask(next, 'r1');
    await next.until('response.done');
  });

  it('all sessions drop now', async () => {
    const server = await serve();
    const sessions = [await connect(server), await connect(server)];
    await server.setFault({ kind: 'drop', how: 'close' });
    for (const { client } of sessions) await client.untilClosed();
  });

  it('connections are accepted and closed', async () => {
    const server = await serve();
    await server.setFault('drop_loop');
    const client = await TestClient.open(server.url);
    await client.untilClosed();
    expect(client.types).toEqual([]);
    expect(server.sessions).toEqual([]);
  });

  it('responses stall while everything else is acknowledged', async () => {
    const server = await serve();
    const { client } = await connect(server);
    await server.setFault('stall');
    ask(client, 'r1');
    createItem(client, typed('a', 'hello'));
    await client.until('conversation.item.added');
    expect(client.types).not.toContain('response.created');
    await server.setFault(undefined);
    ask(client, 'r2');
    await client.until('response.done');
  });

  it('a session stays silent', async () => {
    const server = await serve();
    await server.setFault('silent');
    const client = await TestClient.open(server.url);
    open.push(client);
    client.send({ type: 'input_audio_buffer.clear' });
    const log = await server.waitForSession(soon());
    await log.waitFor(({ events }) => events.length > 0, soon());
    expect(client.received).toEqual([]);
  });

  it('errors come into open sessions, new sessions or responses', async () => {
    const server = await serve();
    const { client } = await connect(server);
    await server.setFault({ kind: 'error_event', code: 'insufficient_quota' });
    expect(errorOf(await client.until('error')).code).toBe('insufficient_quota');
    const second = await TestClient.open(server.url);
    open.push(second);
    expect(errorOf(await second.until('error')).code).toBe('insufficient_quota');
    await second.untilClosed();
    expect(second.types).toEqual(['error']);
    await server.setFault({ kind: 'error_event', code: 'server_error', when: 'response' });
    ask(client, 'r1');
    expect(responseOf(await client.until('response.done'))).toMatchObject({
      status: 'failed',
      status_details: { type: 'failed', error: { code: 'server_error' } },
    });
  });

  it('connections are slow', async () => {
    const server = await serve();
    await server.setFault({ kind: 'slow_connect', ms: 50 });
    await connect(server);
  });

  it('that does not exist, the operator is told which there are', async () => {
    const server = await serve();
    await expect(server.setFault('explode')).rejects.toMatchObject({
      code: 'SIM_FAULT_INVALID',
      remedy: expect.stringContaining('drop_loop'),
    });
  });
});
