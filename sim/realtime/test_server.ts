import { afterEach, onTestFinished } from 'vitest';
import type { ServerEvent } from './protocol.ts';
import { RealtimeServer, type RealtimeServerOptions } from './server.ts';
import { TestClient } from './test_client.ts';

export const soon = () => AbortSignal.timeout(10_000);

export const open: TestClient[] = [];
/** Behind each test: said by each file, for a module is loaded once for several. */
export function closeClients(): void {
  afterEach(() => {
    for (const client of open.splice(0)) client.close();
  });
}

/** Stopped behind the test, once what the test connected later is closed. */
export async function serve(scenario = '', options: Partial<RealtimeServerOptions> = {}) {
  const server = await RealtimeServer.start({ scenario, speed: Infinity, ...options });
  onTestFinished(() => server.stop());
  return server;
}

export async function connect(server: RealtimeServer, turnDetection?: Record<string, unknown>) {
  const client = await TestClient.open(server.url);
  open.push(client);
  await client.until('session.created');
  if (turnDetection) {
    update(client, {
      audio: { input: { transcription: { model: 'any' }, turn_detection: turnDetection } },
    });
    await client.until('session.updated');
  }
  const log = server.sessions.at(-1)!;
  return { client, log };
}

export const VAD = { type: 'server_vad', silence_duration_ms: 300 };

export function update(client: TestClient, session: Record<string, unknown>) {
  client.send({ type: 'session.update', session: { type: 'realtime', ...session } });
}

export function ask(client: TestClient, eventId: string, response: Record<string, unknown> = {}) {
  client.send({
    type: 'response.create',
    event_id: eventId,
    response: { ...response, metadata: { client_event_id: eventId } },
  });
}

export function createItem(client: TestClient, item: Record<string, unknown>, previous?: string) {
  client.send({
    type: 'conversation.item.create',
    event_id: `create_${String(item.id)}`,
    previous_item_id: previous,
    item,
  });
}

export const typed = (id: string, text: string, role = 'user') => ({
  id,
  type: 'message',
  role,
  content: [{ type: role === 'assistant' ? 'output_text' : 'input_text', text }],
});

export const errorOf = (event: ServerEvent) => event.error as Record<string, unknown>;
export const responseOf = (event: ServerEvent) => event.response as Record<string, unknown>;
