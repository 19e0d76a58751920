import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';

export interface RehearsedTool {
  name: string;
  arguments: Record<string, unknown>;
}

/** Of the client's events, what has to be answered. */
const clientEvent = z.object({
  type: z.string(),
  item: z.looseObject({ id: z.string() }).optional(),
  response: z.looseObject({ metadata: z.unknown() }).optional(),
});

/**
 * A model on the loopback interface, for one turn of a caller who is not there: it calls the tools of one
 * step after the other, each when it is asked to go on from the last, and then has nothing to say.
 */
export class RehearsedModel {
  readonly #http = createServer();
  readonly #sockets = new WebSocketServer({ server: this.#http });
  readonly #steps: readonly (readonly RehearsedTool[])[];
  readonly #over = Promise.withResolvers<void>();
  #step = 0;
  #lastId = 0;
  /** At the end of the conversation. */
  #lastItem: string | null = null;

  private constructor(steps: readonly (readonly RehearsedTool[])[]) {
    this.#steps = steps;
    this.#sockets.on('connection', (socket) => {
      say(socket, 'session.created');
      socket.on('message', (data) => this.#take(socket, data));
    });
  }

  static async start(
    steps: readonly (readonly RehearsedTool[])[],
    signal: AbortSignal,
  ): Promise<RehearsedModel> {
    const model = new RehearsedModel(steps);
    model.#http.listen(0, '127.0.0.1');
    await once(model.#http, 'listening', { signal });
    return model;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** Begins the turn, as by itself. Resolves when it has nothing more to say, or has been stopped. */
  async takeTurn(): Promise<void> {
    for (const socket of this.#sockets.clients) {
      this.#add(socket, { id: this.#newId(), type: 'message', role: 'user', content: [] });
      this.#respond(socket, null);
    }
    await this.#over.promise;
  }

  stop(): void {
    this.#over.resolve();
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    this.#http.close();
    this.#http.closeAllConnections();
  }

  #take(socket: WebSocket, data: RawData): void {
    const { type, item, response } = clientEvent.parse(JSON.parse(String(data)));
    if (type === 'conversation.item.create' && item) this.#add(socket, item);
    if (type === 'response.create') this.#respond(socket, response?.metadata);
  }

  #respond(socket: WebSocket, metadata: unknown): void {
    const id = this.#newId();
    const tools = this.#steps[this.#step++];
    say(socket, 'response.created', { response: { id, metadata } });
    for (const tool of tools ?? []) this.#call(socket, id, tool);
    say(socket, 'response.done', { response: { id, status: 'completed' } });
    if (!tools) this.#over.resolve();
  }

  #call(socket: WebSocket, responseId: string, tool: RehearsedTool): void {
    const call = { type: 'function_call', name: tool.name, call_id: this.#newId() };
    const item = { id: this.#newId(), ...call, arguments: '' };
    const text = JSON.stringify(tool.arguments);
    const place = { response_id: responseId, item_id: item.id };
    say(socket, 'response.output_item.added', { response_id: responseId, item });
    this.#add(socket, item);
    say(socket, 'response.function_call_arguments.delta', { ...place, delta: text });
    say(socket, 'response.function_call_arguments.done', { ...place, arguments: text });
    const done = { ...item, arguments: text };
    say(socket, 'response.output_item.done', { response_id: responseId, item: done });
  }

  #add(socket: WebSocket, item: { id: string; [key: string]: unknown }): void {
    say(socket, 'conversation.item.added', { previous_item_id: this.#lastItem, item });
    this.#lastItem = item.id;
  }

  #newId(): string {
    return `rehearsed_${++this.#lastId}`;
  }
}

function say(socket: WebSocket, type: string, fields: Record<string, unknown> = {}): void {
  socket.send(JSON.stringify({ type, ...fields }));
}
