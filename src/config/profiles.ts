import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { CallwireError } from '../errors.ts';
import { toE164 } from './phone_number.ts';
import { type Profile, profileFrom } from './profile.ts';
import { type ParsedProfile, parseProfile } from './profile_file.ts';
import { nearest } from './suggestion.ts';

/** The agents of this installation. */
export interface Profiles {
  /** Another one wherever a file is another one. */
  readonly version: string;
  /** In the order of their ids. */
  readonly all: readonly Profile[];
  /**
   * The agent that answers a dialled number, E.164 or the user part of the dialled SIP address:
   * the one with that number, else the default agent, else `null`.
   */
  forNumber(dialled: string): Profile | null;
}

/** A profile's file; `text` is `null` where it cannot be read. */
export interface ProfileSource {
  /** From the working directory where that is shorter to read. */
  path: string;
  text: string | null;
}

/** Every `*.yaml` and `*.yml` of a folder. @throws `PROFILE_INVALID` where the folder cannot be read. */
export async function readProfiles(dir: string): Promise<ProfileSource[]> {
  const read = async (name: string): Promise<ProfileSource> => ({
    path: shown(join(dir, name)),
    text: await readFile(join(dir, name), 'utf8').catch(() => null),
  });
  const sources = await Promise.all((await profileNames(dir)).map(read));
  if (sources.length > 0) return sources;
  throw invalid([`${shown(dir)}: there is no agent profile (*.yaml) in it`]);
}

/**
 * The agents that these files make. Throws one `PROFILE_INVALID` that names everything
 * wrong with all of them, a line each: `agent/profiles/x.yaml:12 transfers.sales.to: …`.
 */
export function profilesFrom(sources: readonly ProfileSource[]): Profiles {
  const files = sources.map(parseSource);
  const problems = files.flatMap((file) => file.problems);
  problems.push(...conflicts(files), ...unknownAgents(files));
  if (problems.length > 0) throw invalid(problems);
  const profiles = files.flatMap((file) => file.profile ?? []);
  return new LoadedProfiles(profiles, versionOf(sources));
}

/** Both. */
export async function loadProfiles(dir: string): Promise<Profiles> {
  return profilesFrom(await readProfiles(dir));
}

function versionOf(sources: readonly ProfileSource[]): string {
  const hash = createHash('sha256');
  for (const { path, text } of sources) hash.update(JSON.stringify([path, text]));
  return hash.digest('base64url').slice(0, 16);
}

class LoadedProfiles implements Profiles {
  readonly version: string;
  readonly all: readonly Profile[];
  readonly #byNumber = new Map<string, Profile>();
  readonly #default: Profile | null;

  constructor(profiles: readonly Profile[], version: string) {
    this.version = version;
    this.all = profiles;
    this.#default = profiles.find((profile) => profile.numbers.length === 0) ?? null;
    for (const profile of profiles) {
      for (const number of profile.numbers) this.#byNumber.set(number, profile);
    }
  }

  forNumber(dialled: string): Profile | null {
    const number = toE164(dialled);
    return (number && this.#byNumber.get(number)) || this.#default;
  }
}

interface ProfileFile {
  /** As it is named in messages. */
  path: string;
  id: string;
  parsed: ParsedProfile | null;
  profile: Profile | null;
  problems: string[];
}

async function profileNames(dir: string): Promise<string[]> {
  try {
    const names = await readdir(dir);
    return names.filter((name) => /^[^.].*\.ya?ml$/.test(name)).sort();
  } catch (cause) {
    throw invalid([`${shown(dir)}: this folder cannot be read`], cause);
  }
}

function parseSource({ path, text }: ProfileSource): ProfileFile {
  const id = basename(path).replace(/\.ya?ml$/, '');
  const file: ProfileFile = { path, id, parsed: null, profile: null, problems: [] };
  if (!/^[\w-][\w.-]*$/.test(id)) {
    file.problems.push(
      `${path}: the file’s name is the agent’s id: only letters, digits, -, _ and . in it`,
    );
  }
  if (text === null) {
    file.problems.push(`${path}: this file cannot be read`);
    return file;
  }
  file.parsed = parseProfile(text);
  if (file.parsed.document) file.profile = profileFrom(id, file.parsed.document);
  for (const problem of file.parsed.problems) {
    file.problems.push(at(path, problem.line, problem.path, problem.message));
  }
  return file;
}

/** What is wrong between files, whatever else is wrong in one of them. */
function conflicts(files: readonly ProfileFile[]): string[] {
  const problems: string[] = [];
  const ids = new Map<string, string>();
  const numbers = new Map<string, string>();
  let defaultAgent: string | null = null;
  for (const { path, id, parsed } of files) {
    const namesake = ids.get(id);
    if (namesake) problems.push(`${path}: the agent ${id} is in ${namesake} already`);
    ids.set(id, path);
    if (!parsed?.outline) continue;

    for (const { index, number } of parsed.outline.numbers ?? []) {
      const holder = numbers.get(number);
      if (holder) {
        const line = parsed.lineOf(['numbers', index]);
        problems.push(at(path, line, `numbers[${index}]`, `the same number as in ${holder}`));
      } else numbers.set(number, path);
    }
    if (!parsed.outline.isDefault) continue;
    if (defaultAgent) {
      const message = `there are none, nor in ${defaultAgent}: only one agent can be the default`;
      problems.push(at(path, parsed.lineOf(['numbers']), 'numbers', message));
    } else defaultAgent = path;
  }
  return problems;
}

/** Agents that the rules of others call with. */
function unknownAgents(files: readonly ProfileFile[]): string[] {
  const ids = files.map(({ id }) => id);
  return files.flatMap(({ path, parsed }) =>
    (parsed?.outline?.rules ?? []).flatMap(({ callWith, index }) => {
      if (callWith === null || ids.includes(callWith)) return [];
      const guess = nearest(callWith, ids);
      const message = `there is no agent ${callWith}: ${guess ? `did you mean ${guess}?` : `there are ${ids.join(', ')}`}`;
      const line = parsed?.lineOf(['rules', index, 'call_with']) ?? 1;
      return [at(path, line, `rules[${index}].call_with`, message)];
    }),
  );
}

function at(path: string, line: number, key: string, message: string): string {
  return `${path}:${line}${key ? ` ${key}` : ''}: ${message}`;
}

/** From the working directory where that is shorter to read. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short && !short.startsWith('..') ? short : path;
}

function invalid(problems: readonly string[], cause?: unknown): CallwireError {
  return new CallwireError('PROFILE_INVALID', problems.join('\n'), {
    remedy: 'Correct the lines named above; AGENTS_DIR says where the profiles are.',
    cause,
  });
}
