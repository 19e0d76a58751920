import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CallwireError } from '../../errors.ts';
import { loadProfiles, type Profiles } from '../profiles.ts';

/* Profiles as somebody writes them, and what is said of them. */

/** A profile, and the beginning of others. */
export const MINIMAL = 'name: Front desk\nprompt: Be kind.\n';

/** The agents of a folder with these files. */
export async function load(files: Record<string, string>): Promise<Profiles> {
  const dir = await mkdtemp(join(tmpdir(), 'callwire-profiles-'));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
    return await loadProfiles(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** The lines of the error, without the folder. */
export async function problems(files: Record<string, string>): Promise<string[]> {
  try {
    await load(files);
  } catch (error) {
    if (!(error instanceof CallwireError)) throw error;
    expect(error.code).toBe('PROFILE_INVALID');
    return error.message.split('\n').map((line) => line.replace(/^\/.*?([^/]+\.ya?ml)/, '$1'));
  }
  return [];
}

/** Of one file: `x.yaml`. */
export const problemsOf = (text: string) => problems({ 'x.yaml': text });

/** The agent of one file. */
export async function one(text: string) {
  return (await load({ 'x.yaml': text })).all[0]!;
}
