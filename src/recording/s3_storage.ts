import { createReadStream } from 'node:fs';
import { stat, unlink } from 'node:fs/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { RecordingStorage } from './recording_storage.ts';
import { CONTENT_TYPE } from './wav.ts';

export interface S3StorageOptions {
  bucket: string;
  /** Without slashes at its ends; may be empty. */
  prefix: string;
  /** Milliseconds. (Default: `Date.now`) */
  clock?: () => number;
}

const silent = () => undefined;
/** Without one it writes to the console what whoever calls it is told by an error. */
const NO_LOG = { trace: silent, debug: silent, info: silent, warn: silent, error: silent };

/** Where AWS has no region configured, and other servers want none. */
const ANY_REGION = 'us-east-1';

/**
 * Recordings in a bucket of S3, or of whatever speaks its protocol (AWS_ENDPOINT_URL_S3). Region, keys
 * and roles are found as by every program of AWS. A location is `s3://bucket/key`; its URLs go to the
 * bucket directly.
 */
export class S3Storage implements RecordingStorage {
  readonly #options: S3StorageOptions;
  readonly #client: S3Client;
  readonly #clock: () => number;

  constructor(options: S3StorageOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
    const ownServer = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
    this.#client = new S3Client({
      region: process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? ANY_REGION,
      // A bucket is a host name at AWS; servers of one's own have no names for their buckets.
      ...(ownServer && { endpoint: ownServer, forcePathStyle: true }),
      // The newer checksums travel in a way that not every other server understands.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      logger: NO_LOG,
    });
  }

  has(location: string): boolean {
    return location.startsWith('s3://');
  }

  locationOf(name: string): string {
    const { bucket, prefix } = this.#options;
    return `s3://${[bucket, prefix, name].filter(Boolean).join('/')}`;
  }

  /** In one request, which S3 takes up to 5 GB: longer than a WAV file can be. */
  async keep(name: string, path: string, signal: AbortSignal): Promise<void> {
    const { size } = await stat(path);
    const put = new PutObjectCommand({
      ...placeOf(this.locationOf(name)),
      Body: createReadStream(path),
      ContentLength: size,
      ContentType: CONTENT_TYPE,
    });
    await this.#client.send(put, { abortSignal: signal });
    await unlink(path);
  }

  async sizeOf(location: string, signal: AbortSignal): Promise<number | null> {
    try {
      const head = new HeadObjectCommand(placeOf(location));
      const { ContentLength } = await this.#client.send(head, { abortSignal: signal });
      return ContentLength ?? null;
    } catch (error) {
      if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404)
        return null;
      throw error;
    }
  }

  async remove(location: string, signal: AbortSignal): Promise<void> {
    const remove = new DeleteObjectCommand(placeOf(location));
    await this.#client.send(remove, { abortSignal: signal });
  }

  async link({ location }: { location: string }, expiresAt: number): Promise<string> {
    const expiresIn = Math.floor((expiresAt - this.#clock()) / 1_000);
    return await getSignedUrl(this.#client, new GetObjectCommand(placeOf(location)), { expiresIn });
  }
}

function placeOf(location: string): { Bucket: string; Key: string } {
  const [Bucket = '', ...key] = location.slice('s3://'.length).split('/');
  return { Bucket, Key: key.join('/') };
}
