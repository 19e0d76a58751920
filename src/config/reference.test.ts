import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { expect, test } from 'vitest';
import { profileSchema } from './profile_schema.ts';
import { configurationPage, envExample } from './reference.ts';
import { SETTINGS } from './setting_table.ts';

const committed = (path: string) => readFile(join(import.meta.dirname, '../..', path), 'utf8');

test('the committed reference is the generated one', async () => {
  expect(await committed('docs/configuration.md')).toBe(configurationPage());
  expect(await committed('.env.example')).toBe(envExample());
});

test('every setting and every profile key is in it', () => {
  const page = configurationPage();
  for (const name of Object.keys(SETTINGS)) {
    expect(page).toContain(`| \`${name}\` |`);
    expect(envExample()).toMatch(new RegExp(`^#${name}=`, 'm'));
  }
  for (const key of Object.keys(profileSchema.shape)) expect(page).toContain(`| \`${key}\` |`);
  expect(page).toContain('`transfers.<name>.to`');
  expect(page).toContain('`silence.prompt_after_s`');
});

test('defaults and examples are accepted by the loader that they explain', () => {
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const texts = [setting.default, setting.secret ? undefined : setting.example];
    for (const text of texts) {
      if (text !== undefined)
        expect({ name, ...setting.schema.safeParse(text) }).toMatchObject({ success: true });
    }
  }
});

test('a fresh copy of .env.example sets nothing', () => {
  expect(parseEnv(envExample())).toEqual({});
});
