/**
 * Writes docs/configuration.md, .env.example and agent/profile.schema.json, or with `--check` fails where they differ from
 * what would be written: `node src/config/generate_reference.ts [--check]`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { configurationPage, envExample, profileJsonSchema } from './reference.ts';

const project = join(import.meta.dirname, '../..');
const pages = [
  { path: join(project, 'docs/configuration.md'), text: configurationPage() },
  { path: join(project, '.env.example'), text: envExample() },
  { path: join(project, 'agent/profile.schema.json'), text: profileJsonSchema() },
];

for (const { path, text } of pages) {
  if (!process.argv.includes('--check')) {
    await writeFile(path, text);
    continue;
  }
  if ((await readFile(path, 'utf8').catch(() => null)) === text) continue;
  console.error(
    `${relative(project, path)} is out of date: run node src/config/generate_reference.ts and commit it.`,
  );
  process.exitCode = 1;
}
