import { writeFileSync } from 'node:fs';
import { mkdtempDisposable, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LiveProfiles } from './live_profiles.ts';
import type { Profiles } from './profiles.ts';

async function folder() {
  const dir = await mkdtempDisposable(join(tmpdir(), 'callwire-live-profiles-'));
  const said: string[] = [];
  const log = {
    info: (_: object, message: string) => void said.push(message),
    error: ({ err }: { err: Error }, message: string) =>
      void said.push(`${message}: ${err.message}`),
  };
  const write = (name: string, prompt: string) =>
    writeFile(join(dir.path, name), `name: Desk\nprompt: ${prompt}\n`);
  await write('desk.yaml', 'First.');
  const load = (check?: (profiles: Profiles) => void) =>
    LiveProfiles.load({ dir: dir.path, log: log as never, ...(check && { check }) });
  return { dir, said, write, load };
}

const prompts = (profiles: Profiles) => profiles.all.map(({ prompt }) => prompt);

test('a changed profile is in use at the next look, a new one and a lost one too', async () => {
  const { dir, said, write, load } = await folder();
  await using _ = dir;
  const profiles = await load();
  const { version } = profiles;
  await profiles.refresh();
  expect({ version: profiles.version, said }).toEqual({ version, said: [] });

  await write('desk.yaml', 'Second.');
  expect(prompts(profiles)).toEqual(['First.']);
  await Promise.all([profiles.refresh(), profiles.refresh()]);
  expect(prompts(profiles)).toEqual(['Second.']);
  expect(profiles.version).not.toBe(version);
  expect(profiles.sources).toHaveLength(1);
  expect(said).toEqual(['changed agent profiles are in use']);

  await writeFile(
    join(dir.path, 'sales.yaml'),
    'name: Sales\nprompt: Sell.\nnumbers: ["+15550100001"]\n',
  );
  await profiles.refresh();
  expect(profiles.forNumber('+15550100001')?.prompt).toBe('Sell.');
  await rm(join(dir.path, 'sales.yaml'));
  await profiles.refresh();
  expect(profiles.forNumber('+15550100001')?.prompt).toBe('Second.');
});

test('a broken one changes nothing, and is said once', async () => {
  const { dir, said, write, load } = await folder();
  await using _ = dir;
  const profiles = await load();
  await write('desk.yaml', '"{% if"');
  await profiles.refresh();
  await profiles.refresh();
  expect(prompts(profiles)).toEqual(['First.']);
  expect(said).toEqual([
    expect.stringMatching(/the ones before stay in use: .*desk\.yaml:2 prompt: /),
  ]);
  await write('desk.yaml', 'Mended.');
  await profiles.refresh();
  expect(prompts(profiles)).toEqual(['Mended.']);
});

// Whoever took a broken edit back waited in vain for the log to say that all was well.
test('a broken one that is taken back is said to be in order again, once', async () => {
  const { dir, said, write, load } = await folder();
  await using _ = dir;
  const profiles = await load();
  await write('desk.yaml', '"{% if"');
  await profiles.refresh();
  await write('desk.yaml', 'First.');
  await profiles.refresh();
  await write('desk.yaml', 'First.');
  await profiles.refresh();
  expect(said).toEqual([
    expect.stringContaining('the ones before stay in use'),
    'the agent profiles are in order again, and the same as before',
  ]);
});

test('one that cannot be used for a reason outside of it changes nothing either', async () => {
  const { dir, said, write, load } = await folder();
  await using _ = dir;
  const profiles = await load((read) => {
    if (prompts(read).includes('Third.')) throw new Error('no secret');
  });
  await write('desk.yaml', 'Third.');
  await profiles.refresh();
  expect(prompts(profiles)).toEqual(['First.']);
  expect(said).toEqual([expect.stringContaining('no secret')]);
  await rm(dir.path, { recursive: true });
  await profiles.refresh();
  expect(prompts(profiles)).toEqual(['First.']);
});

// The worker looks every few seconds by itself. A call that rang during such a look was given what that had
// found, although a file had been written since.
test('whoever asks during a look gets what was written before it asked', async () => {
  const { dir, write, load } = await folder();
  await using _ = dir;
  let during: Promise<void> | undefined;
  const profiles: LiveProfiles = await load((read) => {
    if (!prompts(read).includes('Second.')) return;
    writeFileSync(join(dir.path, 'desk.yaml'), 'name: Desk\nprompt: Third.\n');
    during = profiles.refresh();
  });
  await write('desk.yaml', 'Second.');
  await profiles.refresh();
  await during;
  expect(prompts(profiles)).toEqual(['Third.']);
});
