import { spawn } from 'node:child_process';
import { getFfmpegPath } from '@livekit/av';
import { request } from 'undici';
import type { ReachAgents } from '../delivery/reach_agents.ts';
import { USER_AGENT } from '../delivery/user_agent.ts';
import { CallwireError } from '../errors.ts';
import type { HookTarget } from './hook_post.ts';

/** What the model's own voice has. */
export const GREETING_SAMPLE_RATE = 24_000;

/** A minute of CD quality is 5 MB as a WAV; a greeting is a sentence. */
const MAX_BYTES = 5 * 1024 * 1024;
const MAX_SECONDS = 60;

/**
 * A recorded greeting, of any format that ffmpeg reads, as mono samples of `GREETING_SAMPLE_RATE`. At most a
 * minute of it.
 *
 * @throws `GREETING_UNAVAILABLE`: it cannot be fetched, is larger than 5 MB, or is no audio; or the reason of
 * `signal`
 */
export async function loadGreeting(
  agents: ReachAgents,
  target: HookTarget,
  signal: AbortSignal,
): Promise<Int16Array> {
  const samples = await decode(await fetchAudio(agents, target, signal), signal);
  if (samples.length === 0) throw unavailable('it is no audio');
  return samples;
}

/** Redirects are not followed: they would lead past the guard's judgement of the URL. */
async function fetchAudio(
  agents: ReachAgents,
  { url, reach }: HookTarget,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    const answer = await request(url, {
      dispatcher: agents[reach],
      headers: { 'User-Agent': USER_AGENT, Accept: 'audio/*' },
      signal,
    });
    answer.body.on('error', () => undefined);
    if (answer.statusCode !== 200) throw unavailable(`HTTP ${answer.statusCode}`);
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_BYTES) throw unavailable('it is larger than 5 MB');
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CallwireError)) throw unavailable('it cannot be fetched', error);
    throw error.code === 'GREETING_UNAVAILABLE' ? error : unavailable(error.message);
  }
  return Buffer.concat(chunks);
}

/**
 * In a process of its own, which may only read what it is given: a playlist in place of audio names files
 * of this machine and URLs, and ffmpeg would open them.
 */
function decode(audio: Buffer, signal: AbortSignal): Promise<Int16Array> {
  const ffmpeg = spawn(
    process.env.LIVEKIT_FFMPEG_PATH ?? getFfmpegPath() ?? 'ffmpeg',
    [
      ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-protocol_whitelist', 'pipe'],
      ...['-i', 'pipe:0', '-vn', '-t', String(MAX_SECONDS)],
      ...['-f', 's16le', '-ac', '1', '-ar', String(GREETING_SAMPLE_RATE), 'pipe:1'],
    ],
    { stdio: ['pipe', 'pipe', 'ignore'], env: {}, signal },
  );
  const chunks: Buffer[] = [];
  ffmpeg.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  // It reads no further than it wants to.
  ffmpeg.stdin.on('error', () => undefined);
  ffmpeg.stdin.end(audio);
  return new Promise((resolve, reject) => {
    ffmpeg.once('error', (error) => {
      reject(signal.aborted ? signal.reason : unavailable('ffmpeg cannot be run', error));
    });
    ffmpeg.once('close', (code) => {
      if (code === 0) resolve(samplesOf(Buffer.concat(chunks)));
      else reject(unavailable('it is no audio'));
    });
  });
}

function samplesOf(bytes: Buffer): Int16Array {
  const samples = new Int16Array(bytes.length >> 1);
  // ffmpeg's byte order is fixed, this machine's need not be the same.
  for (let i = 0; i < samples.length; i++) samples[i] = bytes.readInt16LE(i * 2);
  return samples;
}

function unavailable(why: string, cause?: unknown): CallwireError {
  return new CallwireError(
    'GREETING_UNAVAILABLE',
    `The greeting cannot be used: ${why.replace(/\.$/, '')}.`,
    {
      remedy: 'Check greetingUrl in the answer of the start hook.',
      cause,
    },
  );
}
