/**
 * Writes docs/openapi.json, or with `--check` fails where it differs from what would be written:
 * `node src/api/generate_openapi.ts [--check]`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { openapiText } from './openapi_text.ts';

const project = join(import.meta.dirname, '../..');
const path = join(project, 'docs/openapi.json');
const text = await openapiText();
if (!process.argv.includes('--check')) await writeFile(path, text);
else if ((await readFile(path, 'utf8').catch(() => null)) !== text) {
  console.error(
    `${relative(project, path)} is out of date: run node src/api/generate_openapi.ts and commit it.`,
  );
  process.exitCode = 1;
}
