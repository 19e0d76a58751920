import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { Installation } from '../sim/installation/installation.ts';
import { AgentFolder, failsToStart } from './agent_start.ts';
import { Caller } from './caller.ts';
import { wholeRecord } from './whole_record.ts';

describe('a second worker on the same DATA_DIR', () => {
  let installation: Installation;
  afterEach(() => installation?.stop());

  it('is refused, told who has it and what to do, and the first one does not notice', async () => {
    installation = await Installation.start({
      stack: inject('stack'),
      number: '+15550107060',
    });
    const first = installation.worker;
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();

    const second = installation.spawnWorker();
    expect(await second.exited()).toEqual({ code: 1, signal: null });
    const said = second.output.join('\n');
    expect(said).toContain(`pid ${first.pid}`);
    expect(said).toContain('Stop that process, or start this one with another DATA_DIR');
    expect(said).not.toMatch(/^\s+at /m);

    installation.worker = first;
    await caller.call.hangUp();
    expect((await wholeRecord(installation)).ended.end_reason).toBe('caller_hung_up');
  });
});

describe('a LiveKit that refuses the key', () => {
  let folder: AgentFolder;
  afterEach(() => folder?.remove());

  it('ends the start with what to check, before anything is made', async () => {
    const { url, apiKey } = inject('stack');
    folder = await AgentFolder.make({ 'profiles/desk.yaml': 'name: Desk\nprompt: Be kind.\n' });
    const { said, leftBehind } = await failsToStart(folder, {
      OPENAI_API_KEY: 'made-up',
      AGENTS_DIR: 'profiles',
      DATA_DIR: 'data',
      LIVEKIT_URL: url,
      LIVEKIT_API_KEY: apiKey,
      LIVEKIT_API_SECRET: 'another-made-up-secret-of-enough-characters',
    });
    expect(said).toContain(`LiveKit at ${url} refuses the API key`);
    expect(said).toContain('LIVEKIT_API_SECRET');
    expect(said).not.toContain('another-made-up');
    expect(said).not.toMatch(/^\s+at /m);
    expect(leftBehind).toEqual([]);
    await expect(access(join(folder.path, 'data'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
