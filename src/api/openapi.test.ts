import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openapiText } from './openapi_text.ts';

const committed = (path: string) => readFile(join(import.meta.dirname, '../..', path), 'utf8');

it('the committed description is the generated one', async () => {
  expect(await committed('docs/openapi.json')).toBe(await openapiText());
});
