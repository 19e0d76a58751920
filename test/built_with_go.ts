import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findOnPath } from '../stack/path_lookup.ts';

/** A program made of one file, in `folder`: unlike `go run` it has no child that would outlive it. */
export async function builtWithGo(source: string, folder: string): Promise<string> {
  const go = findOnPath('go') ?? findOnPath('go', { path: '/usr/local/go/bin' });
  if (!go) throw new Error('Go is missing: the stack is built with it, too');
  const program = join(folder, 'program');
  await promisify(execFile)(go, ['build', '-o', program, source]);
  return program;
}
