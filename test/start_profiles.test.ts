import { afterEach, describe, expect, it } from 'vitest';
import { AgentFolder, failsToStart } from './agent_start.ts';

const ENOUGH = { OPENAI_API_KEY: 'made-up', AGENTS_DIR: 'profiles', DATA_DIR: 'data' };

const folders: AgentFolder[] = [];
afterEach(() => Promise.all(folders.splice(0).map((folder) => folder.remove())));

async function refusalOf(profiles: Record<string, string>): Promise<string> {
  const files = Object.entries(profiles).map(([name, yaml]) => [`profiles/${name}`, yaml]);
  const folder = await AgentFolder.make(Object.fromEntries(files));
  folders.push(folder);
  const { said, leftBehind } = await failsToStart(folder, ENOUGH);
  expect(said).not.toMatch(/^\s+at /m);
  expect(leftBehind).toEqual([]);
  return said;
}

describe('the worker does not start with profiles that are wrong', () => {
  it('and names file, line and key of everything in all of them', async () => {
    const said = await refusalOf({
      'desk.yaml': `name: Front desk
numbers: ["+15550107050"]
prompt: Be kind.
promt: Be kinder.
recording: { enabled: true }
context: { budget_ms: 900, on_missing: forward, forward_to: sales }
`,
      'night.yaml': `name: Night
numbers: ["+15550107051", "+1 555 010 7050"]
prompt: Be kind.
tools: [record_intent, fly]
`,
      'hello.yaml': 'name: Hello\nnumbers: ["+15550107052"]\nprompt: Hi {{customrName}}.\n',
      'one.yaml': 'name: One\nprompt: Be kind.\n',
      'other.yaml': 'name: Other\nprompt: Be kind.\n',
      'tabs.yaml': 'name: Tabs\n\tprompt: no\n',
      'words.yaml': 'Be kind.\n',
    });
    for (const line of [
      /profiles\/desk\.yaml:4 promt: is unknown: did you mean prompt\?/,
      /profiles\/desk\.yaml:5 recording\.after_disclosure: has nothing to wait for/,
      /profiles\/desk\.yaml:6 context\.forward_to: must be the name of one of the transfers/,
      /profiles\/hello\.yaml:3 prompt: .*customrName/,
      /profiles\/night\.yaml:4 tools\[1\]: must be one of/,
      /profiles\/other\.yaml:1 numbers: .*one\.yaml.*only one agent can be the default/,
      /profiles\/tabs\.yaml:2: a tab: indent with spaces/,
      /profiles\/words\.yaml:1: must consist of keys and values/,
    ]) {
      expect(said).toMatch(line);
    }
    expect(said).toContain('AGENTS_DIR');
  });

  it('such as two for the same number', async () => {
    const said = await refusalOf({
      'desk.yaml': 'name: Desk\nnumbers: ["+15550107050"]\nprompt: Be kind.\n',
      'night.yaml': 'name: Night\nnumbers:\n  - "+1 555 010 7050"\nprompt: Be kind.\n',
    });
    expect(said).toMatch(
      /profiles\/night\.yaml:3 numbers\[0\]: the same number as in .*desk\.yaml/,
    );
  });

  it('or with none at all', async () => {
    expect(await refusalOf({ 'README.md': 'none here' })).toContain(
      'there is no agent profile (*.yaml) in it',
    );
    expect(await refusalOf({})).toContain('profiles: this folder cannot be read');
  });
});
