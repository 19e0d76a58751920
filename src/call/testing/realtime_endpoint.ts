import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { ConnectionLimits } from '../model_connection.ts';
import { CallModel, type CallModelOptions } from '../realtime_model.ts';

/* What the model of a call connects to in its tests. All of it ends with its test. */

/** The product's behaviour in a tenth of its time. */
export const QUICK: ConnectionLimits = { budgetMs: 400, firstRetryMs: 10, acceptanceMs: 100 };

export const soon = () => AbortSignal.timeout(15_000);

export function callModel(baseUrl: string, options: Partial<CallModelOptions> = {}): CallModel {
  const apiKey = 'sk-made-up';
  const model = 'gpt-realtime';
  return new CallModel({ model, voice: 'marin', apiKey, baseUrl, limits: QUICK, ...options });
}

export const CREATED = '{"type":"session.created"}';

export function closeOnceAccepted(socket: WebSocket): void {
  socket.send(CREATED);
  socket.close(1011);
}

/** A bare endpoint, for what a server that behaves cannot show. */
export class RealtimeEndpoint {
  /** Handshakes, those refused among them. */
  attempts = 0;
  /** The HTTP status with which handshakes are refused from now on. */
  refusal: number | undefined;
  readonly events: { type: string; audio?: string }[] = [];
  readonly #http = createServer();
  readonly #wss = new WebSocketServer({ noServer: true });

  private constructor(onConnection: (socket: WebSocket) => void) {
    this.#http.on('upgrade', (request, socket, head) => {
      this.attempts++;
      if (this.refusal !== undefined) {
        const headers = 'Connection: close\r\nContent-Length: 0\r\n\r\n';
        socket.end(`HTTP/1.1 ${this.refusal} Refused\r\n${headers}`);
        return;
      }
      this.#wss.handleUpgrade(request, socket, head, (accepted) => {
        accepted.on('message', (data: RawData) => this.events.push(JSON.parse(String(data))));
        onConnection(accepted);
      });
    });
  }

  static async start(onConnection: (socket: WebSocket) => void = () => undefined) {
    const endpoint = new RealtimeEndpoint(onConnection);
    endpoint.#http.listen(0, '127.0.0.1');
    await once(endpoint.#http, 'listening');
    onTestFinished(() => endpoint.stop());
    return endpoint;
  }

  static async refusing(status: number) {
    const endpoint = await RealtimeEndpoint.start();
    endpoint.refusal = status;
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/v1`;
  }

  hangUp(): void {
    for (const socket of this.#wss.clients) socket.terminate();
  }

  async stop(): Promise<void> {
    this.hangUp();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }
}

/** A port on which nobody listens. */
export async function nobody(): Promise<string> {
  const http = createServer();
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  await new Promise((resolve) => http.close(resolve));
  return `http://127.0.0.1:${port}/v1`;
}
