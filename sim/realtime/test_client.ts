import { WebSocket } from 'ws';
import { encodePcm, samplesOfMs } from './pcm.ts';
import type { ServerEvent } from './protocol.ts';
import { writeTone } from './voice.ts';

/** A bare client of the protocol, for tests: sends what it is told and keeps what it gets. */
export class TestClient {
  readonly received: ServerEvent[] = [];
  closed = false;
  readonly #socket: WebSocket;
  readonly #watchers = new Set<() => void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      this.received.push(JSON.parse(String(data)) as ServerEvent);
      this.#look();
    });
    socket.on('close', () => {
      this.closed = true;
      this.#look();
    });
    socket.on('error', () => {});
  }

  /** @throws where the connection is refused or answered with an HTTP status */
  static open(url: string, { apiKey = 'sk-made-up' } = {}): Promise<TestClient> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/realtime?model=gpt-realtime`, {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    const client = new TestClient(socket);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(client));
      socket.once('error', reject);
    });
  }

  send(event: Record<string, unknown>): void {
    this.#socket.send(JSON.stringify(event));
  }

  /** The caller makes a tone; 0 Hz is silence. */
  play(ms: number, hz: number): void {
    for (let left = ms; left > 0; left -= 100) {
      const pcm = new Int16Array(samplesOfMs(Math.min(100, left)));
      if (hz) writeTone(pcm, hz);
      this.send({ type: 'input_audio_buffer.append', audio: encodePcm(pcm) });
    }
  }

  /** The caller speaks one utterance, with the silence that ends it. */
  speak(ms = 300): void {
    this.play(ms, 300);
    this.play(600, 0);
  }

  ofType(type: string): ServerEvent[] {
    return this.received.filter((event) => event.type === type);
  }

  get types(): string[] {
    return this.received.map((event) => event.type);
  }

  /** The nth event of a type (counted from 1), waited for if it is still to come. */
  async until(type: string, nth = 1): Promise<ServerEvent> {
    await this.#when(() => this.ofType(type).length >= nth);
    return this.ofType(type)[nth - 1]!;
  }

  async untilClosed(): Promise<void> {
    await this.#when(() => this.closed);
  }

  close(): void {
    this.#socket.terminate();
  }

  #look(): void {
    for (const look of [...this.#watchers]) look();
  }

  #when(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#watchers.delete(look);
        reject(new Error(`not seen; what came: ${this.types.join(' ')}`));
      }, 10_000);
      const look = () => {
        if (!condition()) return;
        clearTimeout(deadline);
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }
}
