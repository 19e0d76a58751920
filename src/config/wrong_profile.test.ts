import { describe, expect, test } from 'vitest';
import { loadProfiles } from './profiles.ts';
import { MINIMAL, problems, problemsOf } from './testing/profile_texts.ts';

test('wrong hooks are named', async () => {
  expect(
    await problemsOf(`${MINIMAL}hooks:
  on_call_start: ftp://backend.example
  on_tool_cal: https://backend.example/tool
  on_call_end: "https://user:made-up@backend.example/"
  secret_env: "not a name"
  may_forward: ["555", "sip:anybody"]
  allowed_origins: ["https://tools.example/path"]
`),
  ).toEqual([
    'x.yaml:4 hooks.on_call_start: must be a URL such as "https://backend.example/calls/start"',
    'x.yaml:5 hooks.on_tool_cal: is unknown: did you mean on_tool_call?',
    'x.yaml:6 hooks.on_call_end: must be a URL such as "https://backend.example/calls/start"',
    'x.yaml:7 hooks.secret_env: must be the name of an environment variable',
    'x.yaml:8 hooks.may_forward[0]: must be the beginning of a number such as "+1555", or a URI such as "sip:office@pbx.example.com"',
    'x.yaml:8 hooks.may_forward[1]: must be the beginning of a number such as "+1555", or a URI such as "sip:office@pbx.example.com"',
    'x.yaml:9 hooks.allowed_origins[0]: must be an origin such as "https://tools.example", without a path',
  ]);
});

describe('a wrong profile', () => {
  test('is described line by line, with everything that is wrong', async () => {
    expect(
      await problemsOf(`name: Front desk
promt: Be kind.
numbers: [+15550100000, "12"]
tools: [record_intent, order_pizza]
lookup: everyone
transfers:
  sales:
    to: "+15550100200"
    sey: Hold on.
  Sales Team: { to: "tel:+15550100200" }
context: { budget_ms: soon }
silence: { prompt_after_s: 60, hang_up_after_s: 20 }
max_minutes: 2000
`),
    ).toEqual([
      'x.yaml:1 prompt: is missing',
      'x.yaml:2 promt: is unknown: did you mean prompt?',
      'x.yaml:3 numbers[0]: must be text: put it in quotes',
      'x.yaml:3 numbers[1]: must be a phone number with its country code, such as "+15550100000"',
      'x.yaml:4 tools[1]: must be one of record_intent, lookup_crm, update_crm_note, transfer_call, end_call',
      'x.yaml:5 lookup: must be one of caller, any',
      'x.yaml:8 transfers.sales.to: must be a URI such as "tel:+15550100200" or "sip:sales@pbx.example.com"',
      'x.yaml:9 transfers.sales.sey: is unknown: did you mean say?',
      'x.yaml:10 transfers.Sales Team: must have a name of small letters, digits, - and _ only',
      'x.yaml:11 context.budget_ms: must be a number',
      'x.yaml:12 silence: must have hang_up_after_s greater than prompt_after_s: both count from the start of the silence',
      'x.yaml:13 max_minutes: must be at most 1440',
    ]);
  });

  test('has its templates checked, with the line inside a block', async () => {
    expect(
      await problemsOf(`name: Front desk
prompt: | # the instructions

  You are Sarah.
  The caller is {{custmerName}}.
first_message: "Hi {{customerName"
transfers:
  sales: { to: "tel:+15550100200", say: "{% include 'x' %}" }
`),
    ).toEqual([
      'x.yaml:5 prompt: {{custmerName}}: did you mean customerName?',
      'x.yaml:6 first_message: output "{{customerName" not closed',
      'x.yaml:8 transfers.sales.say: tag "include" not found',
    ]);
  });

  test.each([
    ['an empty file', '', 'x.yaml:1: is empty: a profile needs at least a name and a prompt'],
    [
      'only a comment',
      '# soon\n',
      'x.yaml:1: is empty: a profile needs at least a name and a prompt',
    ],
    ['a text', 'hello', 'x.yaml:1: must consist of keys and values, such as "name: Front desk"'],
    ['the same key twice', `${MINIMAL}name: B\n`, 'x.yaml:3: the same key twice: keep one of them'],
    ['a tab', 'name: A\ncontext:\n\tbudget_ms: 1\n', 'x.yaml:3: a tab: indent with spaces'],
    [
      'two profiles in one file',
      `${MINIMAL}---\n${MINIMAL}`,
      'x.yaml:3: --- begins a second profile: put it into its own file',
    ],
  ])('%s', async (_, text, problem) => {
    expect(await problemsOf(text)).toContain(problem);
  });

  test('that is no YAML at all names the place', async () => {
    const [first] = await problemsOf('name: "Front desk\nprompt: [\n');
    expect(first).toMatch(/^x\.yaml:\d+: no YAML: /);
  });

  test.each([
    'tel:+15550100200;ext=7',
    'tel:100',
    'sip:sales@pbx.example.com',
    'sips:[2001:db8::1]:5061',
    'sip:10.0.0.7',
  ])('a transfer can go to %s', async (to) => {
    expect(await problemsOf(`${MINIMAL}transfers: { a: { to: "${to}" } }\n`)).toEqual([]);
  });

  test.each([
    'tel:',
    'tel:+1',
    'sip:',
    'sip:a b@c',
    'sip:a@b\\r\\nX-Evil: 1',
    'https://x.example',
    '<sip:a@b>',
  ])('a transfer cannot go to %s', async (to) => {
    const [problem] = await problemsOf(`${MINIMAL}transfers: { a: { to: "${to}" } }\n`);
    expect(problem).toContain('x.yaml:3 transfers.a.to: must be a URI');
  });
});

describe('profiles that do not fit together', () => {
  test('the errors of all files come in one', async () => {
    expect(await problems({ 'a.yaml': 'name: A\n', 'b.yaml': 'prompt: B\n' })).toEqual([
      'a.yaml:1 prompt: is missing',
      'b.yaml:1 name: is missing',
      expect.stringContaining('b.yaml:1 numbers: there are none, nor in '),
    ]);
  });

  // Each look named a few more: two agents for one number were only said when every file was in order.
  test('what is wrong between files and keys is said beside whatever else is wrong', async () => {
    const sales =
      'numbers: ["+15550100001"]\nrules: [{ on: call.completed, when: x, call_with: vib }]';
    expect(
      await problems({
        'a.yaml': `${MINIMAL}numbers: ["+1 555 010 0001", "12"]\nvoise: cedar\n`,
        'b.yaml': `${MINIMAL}${sales}\ncontext: { on_missing: forward }\nmax_minutes: long\n`,
        'c.yaml': 'prompt: "{{customerNam}}"\n',
        'd.yaml': `${MINIMAL}numbrs: ["+15550100002"]\n`,
        'vip.yaml': MINIMAL,
      }),
    ).toEqual([
      expect.stringContaining('a.yaml:3 numbers[1]: must be a phone number'),
      expect.stringContaining('a.yaml:4 voise: is unknown'),
      expect.stringContaining('b.yaml:4 rules[0].when: '),
      expect.stringContaining('b.yaml:5 context.forward_to: is missing: on_missing: forward'),
      'b.yaml:6 max_minutes: must be a number',
      'c.yaml:1 name: is missing',
      expect.stringContaining('c.yaml:1 prompt: '),
      'd.yaml:3 numbrs: is unknown: did you mean numbers?',
      expect.stringMatching(/^b\.yaml:3 numbers\[0\]: the same number as in .*a\.yaml$/),
      expect.stringMatching(/^vip\.yaml:1 numbers: there are none, nor in .*c\.yaml/),
      'b.yaml:4 rules[0].call_with: there is no agent vib: did you mean vip?',
    ]);
  });

  test('the same number twice, in two files or in one', async () => {
    const numbered = `${MINIMAL}numbers:\n  - "+15550100001"\n`;
    const [problem, ...others] = await problems({ 'a.yaml': numbered, 'b.yaml': numbered });
    expect(problem).toMatch(/^b\.yaml:4 numbers\[0\]: the same number as in .*a\.yaml$/);
    expect(others).toEqual([]);
    expect(
      await problemsOf(`${MINIMAL}numbers: ["+15550100001", "+1 555 010 0001"]\n`),
    ).toHaveLength(1);
  });

  test('two default agents', async () => {
    const [problem] = await problems({ 'a.yaml': MINIMAL, 'b.yaml': `${MINIMAL}numbers: []\n` });
    expect(problem).toMatch(/^b\.yaml:3 numbers: there are none, nor in .*a\.yaml/);
  });

  test('two files for one id', async () => {
    const found = await problems({
      'a.yaml': MINIMAL,
      'a.yml': `${MINIMAL}numbers: ["+15550100001"]\n`,
    });
    expect(found).toEqual([expect.stringMatching(/^a\.yml: the agent a is in .*a\.yaml already$/)]);
  });

  test('no profile, and no folder', async () => {
    expect(await problems({})).toEqual([expect.stringContaining('there is no agent profile')]);
    await expect(loadProfiles('/nonexistent/profiles')).rejects.toMatchObject({
      code: 'PROFILE_INVALID',
      message: '/nonexistent/profiles: this folder cannot be read',
    });
  });
});
