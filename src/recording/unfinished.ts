import { join } from 'node:path';

/**
 * Where call processes write: always a disk of this machine, whatever RECORDINGS_URL says. From here
 * the worker takes them when their calls have ended.
 */
export function unfinishedDir(dataDir: string): string {
  return join(dataDir, 'recordings-unfinished');
}

export function unfinishedPath(dataDir: string, callId: string): string {
  return join(unfinishedDir(dataDir), recordingName(callId));
}

/** The file's, and the last part of an object's key. */
export function recordingName(callId: string): string {
  return `${callId}.wav`;
}
