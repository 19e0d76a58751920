import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { refusalOf } from './signature.ts';

/** Made up. */
export const S3_KEYS = {
  accessKeyId: 'AKIAMADEUP',
  secretAccessKey: 'a-made-up-secret-for-the-stand-in',
};

export interface StoredObject {
  body: Buffer;
  contentType: string | undefined;
}

const STATUS = { AccessDenied: 403, SignatureDoesNotMatch: 403, RequestTimeTooSkewed: 403 };

/**
 * A server that speaks as much of S3 as recordings need: objects are put, looked at, fetched (also in
 * parts) and deleted under path-style URLs, and every request must be signed. One bucket.
 */
export class S3Server {
  readonly bucket: string;
  readonly objects = new Map<string, StoredObject>();
  /** `PUT /bucket/key 200`, in the order in which they were answered. */
  readonly log: string[] = [];
  /** Milliseconds; what signatures are judged by. */
  clock = Date.now;
  readonly #server: Server;
  #failing = 0;
  readonly #forbidden = new Set<string>();

  private constructor(bucket: string) {
    this.bucket = bucket;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(bucket = 'made-up-bucket'): Promise<S3Server> {
    const server = new S3Server(bucket);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next requests, so many of them, are answered with 503. */
  fail(requests: number): void {
    this.#failing = requests;
  }

  /** As a policy that leaves this method out. */
  forbid(method: string): void {
    this.#forbidden.add(method);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const body = await buffer(request);
    const end = (status: number, content: Buffer | string = '', more = {}) => {
      this.log.push(`${method} ${url.split('?')[0]} ${status}`);
      response.writeHead(status, { 'content-length': Buffer.byteLength(content), ...more });
      response.end(method === 'HEAD' ? undefined : content);
    };
    const refuse = (status: number, code: string) =>
      end(status, `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`, {
        'content-type': 'application/xml',
      });

    if (this.#failing > 0) {
      this.#failing--;
      return refuse(503, 'SlowDown');
    }
    const refusal = refusalOf({ method, url, headers }, S3_KEYS, this.clock());
    if (refusal) return refuse(STATUS[refusal], refusal);
    if (this.#forbidden.has(method)) return refuse(403, 'AccessDenied');
    const payload = String(headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD');
    if (payload.startsWith('STREAMING')) return refuse(501, 'NotImplemented');
    const hash = createHash('sha256').update(body).digest('hex');
    if (payload !== 'UNSIGNED-PAYLOAD' && payload !== hash) {
      return refuse(400, 'XAmzContentSHA256Mismatch');
    }
    const [, bucket, ...path] = decodeURIComponent(url.split('?')[0] ?? '').split('/');
    if (bucket !== this.bucket) return refuse(404, 'NoSuchBucket');
    const key = path.join('/');
    if (method === 'PUT') {
      this.objects.set(key, { body, contentType: headers['content-type'] });
      return end(200);
    }
    if (method === 'DELETE') {
      this.objects.delete(key);
      return end(204);
    }
    const object = this.objects.get(key);
    if (!object) return refuse(404, 'NoSuchKey');
    const type = { 'content-type': object.contentType ?? 'binary/octet-stream' };
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    if (from === undefined || to === undefined) return end(200, object.body, type);
    const part = object.body.subarray(Number(from), Number(to) + 1);
    return end(206, part, {
      ...type,
      'content-range': `bytes ${from}-${to}/${object.body.length}`,
    });
  }
}
