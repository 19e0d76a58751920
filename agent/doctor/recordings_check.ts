import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadProfiles } from '../../src/config/profiles.ts';
import type { RecordingsPlace } from '../../src/config/setting_schemas.ts';
import type { Settings } from '../../src/config/settings.ts';
import type { Check, Observation } from './finding.ts';
import { freeMegabytes, isWritable } from './folder_probe.ts';

/** An hour of two channels has 230 MB. */
const LITTLE_SPACE_IN_MB = 2_000;

/** A client of S3 asks three times, and where keys are missing it looks for a machine's role first. */
const LIMIT_MS = 20_000;

/** What agents record can be kept where RECORDINGS_URL says: a small file is put there, and deleted. */
export function recordingsCheck({
  recordings,
  agentsDir,
}: Pick<Settings, 'recordings' | 'agentsDir'>): Check {
  return {
    name: 'recordings',
    limitMs: LIMIT_MS,
    look: async (signal) => {
      // Profiles that cannot be read are told by the check of the agents.
      const profiles = await loadProfiles(agentsDir).catch(() => null);
      if (profiles && !profiles.all.some(({ recording }) => recording !== null)) {
        return { status: 'ok', message: 'no agent records its calls' };
      }
      if (recordings.kind === 'folder') return await lookAtFolder(recordings.path);
      return await lookAtBucket(recordings, signal);
    },
  };
}

async function lookAtFolder(path: string): Promise<Observation> {
  const folder = await nearest(path);
  if (folder === null || !(await isWritable(folder))) {
    return {
      status: 'problem',
      message: `${path} cannot be written to`,
      remedy:
        'Set RECORDINGS_URL to a folder that this user owns, or to a bucket. Until then recordings ' +
        'stay in DATA_DIR and are tried again.',
    };
  }
  const megabytes = await freeMegabytes(folder);
  if (megabytes < LITTLE_SPACE_IN_MB) {
    return {
      status: 'warning',
      message: `only ${megabytes} MB are free where ${path} is`,
      remedy: 'Make room, or set retain_days in the profile: a minute of recording has 3.8 MB.',
    };
  }
  const isThere = folder === path;
  return {
    status: 'ok',
    message: isThere ? `${path} can be written to` : `${path} will be made by the first recording`,
  };
}

/** The folder itself, or the one in which it would be made; `null` where something else is in the way. */
async function nearest(path: string): Promise<string | null> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (!(found instanceof Error)) return found.isDirectory() ? path : null;
  if (found.code !== 'ENOENT' || dirname(path) === path) return null;
  return await nearest(dirname(path));
}

async function lookAtBucket(
  place: Extract<RecordingsPlace, { kind: 's3' }>,
  signal: AbortSignal,
): Promise<Observation> {
  // As in the worker: 200 modules that most never need.
  const { S3Storage } = await import('../../src/recording/s3_storage.ts');
  const storage = new S3Storage(place);
  const name = `doctor-${randomUUID()}`;
  const location = storage.locationOf(name);
  const folder = await mkdtemp(join(tmpdir(), 'callwire-doctor-'));
  let step: BucketStep = 'PutObject';
  try {
    const file = join(folder, name);
    await writeFile(file, 'doctor');
    await storage.keep(name, file, signal);
    step = 'GetObject';
    if ((await storage.sizeOf(location, signal)) === null) return lost(place.bucket, location);
    step = 'DeleteObject';
    await storage.remove(location, signal);
    return { status: 'ok', message: `${storage.locationOf('')} takes, shows and deletes objects` };
  } catch (error) {
    signal.throwIfAborted();
    const problem = bucketProblem(place.bucket, step, error);
    if (step === 'PutObject') return problem;
    const left = step === 'DeleteObject' || !(await isRemoved(location));
    return left
      ? { ...problem, message: `${problem.message}; ${location} is left there` }
      : problem;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }

  async function isRemoved(there: string): Promise<boolean> {
    return await storage.remove(there, signal).then(
      () => true,
      () => false,
    );
  }
}

type BucketStep = 'PutObject' | 'GetObject' | 'DeleteObject';

function lost(bucket: string, location: string): Observation {
  return {
    status: 'problem',
    message: `${bucket} has taken ${location}, and does not have it`,
    remedy: 'Check AWS_ENDPOINT_URL_S3: what answers there is no S3.',
  };
}

/** By the names and the statuses that S3 has for it; its messages may quote keys. */
function bucketProblem(bucket: string, step: BucketStep, error: unknown): Observation {
  const {
    name = '',
    code,
    $metadata,
  } = error as {
    name?: string;
    code?: string;
    $metadata?: { httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode;
  const problem = (message: string, remedy: string): Observation => ({
    status: 'problem',
    message,
    remedy,
  });
  if (name === 'CredentialsProviderError') {
    return problem(
      `there are no keys for the bucket ${bucket}`,
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role.',
    );
  }
  if (name === 'NoSuchBucket' || (status === 404 && step === 'PutObject')) {
    return problem(
      `there is no bucket ${bucket}`,
      'Make it, or correct RECORDINGS_URL, AWS_REGION and AWS_ENDPOINT_URL_S3.',
    );
  }
  if (WRONG_KEYS.has(name)) {
    return problem(
      `the bucket ${bucket} does not take the keys (${name})`,
      'Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and the clock of this machine.',
    );
  }
  if (status === 403) {
    return problem(
      `the bucket ${bucket} forbids s3:${step}`,
      'Allow s3:PutObject, s3:GetObject and s3:DeleteObject on the prefix, s3:ListBucket on the bucket.',
    );
  }
  if (status === 301 || name === 'PermanentRedirect') {
    return problem(`the bucket ${bucket} is in another region`, 'Set AWS_REGION to its region.');
  }
  const what = status ?? code ?? name;
  return problem(
    `the bucket ${bucket} cannot be reached (${what})`,
    'Check AWS_ENDPOINT_URL_S3 and AWS_REGION, and that this machine may reach it.',
  );
}

const WRONG_KEYS = new Set([
  'SignatureDoesNotMatch',
  'InvalidAccessKeyId',
  'RequestTimeTooSkewed',
  'ExpiredToken',
  'InvalidToken',
]);
