import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CallwireError } from '../errors.ts';
import { DEFAULT_EXTRACTION } from './extraction_fields.ts';
import { loadProfiles, type Profiles } from './profiles.ts';

const MINIMAL = 'name: Front desk\nprompt: Be kind.\n';

async function load(files: Record<string, string>): Promise<Profiles> {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'callwire-profiles-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir.path, name), text);
  return await loadProfiles(dir.path);
}

/** The lines of the error, without the folder. */
async function problems(files: Record<string, string>): Promise<string[]> {
  try {
    await load(files);
  } catch (error) {
    if (!(error instanceof CallwireError)) throw error;
    expect(error.code).toBe('PROFILE_INVALID');
    return error.message.split('\n').map((line) => line.replace(/^\/.*?([^/]+\.ya?ml)/, '$1'));
  }
  return [];
}

const problemsOf = (text: string) => problems({ 'x.yaml': text });

async function one(text: string) {
  return (await load({ 'x.yaml': text })).all[0]!;
}

test('a name and a prompt make a profile', async () => {
  expect(await one(MINIMAL)).toEqual({
    id: 'x',
    name: 'Front desk',
    numbers: [],
    prompt: 'Be kind.',
    firstMessage: undefined,
    disclosure: undefined,
    voicemail: { policy: 'hang_up', message: undefined },
    recording: null,
    model: 'gpt-realtime',
    voice: 'marin',
    language: 'en',
    turnDetection: { by: 'meaning', eagerness: 'medium' },
    bargeIn: null,
    noiseReduction: null,
    tools: ['record_intent', 'lookup_crm', 'update_crm_note', 'transfer_call', 'end_call'],
    lookup: 'caller',
    speakFields: ['name'],
    transfers: {},
    context: { budgetMs: undefined, onMissing: 'answer', forwardTo: undefined },
    hooks: null,
    silence: { promptAfterMs: 20_000, hangUpAfterMs: 60_000 },
    maxMinutes: undefined,
    extraction: DEFAULT_EXTRACTION,
    followUps: [],
    rules: [],
  });
});

test('the example profile is in order, and the default agent', async () => {
  const profiles = await loadProfiles(join(import.meta.dirname, '../../agent/profiles'));
  expect(profiles.forNumber('+15550100000')?.id).toBe('receptionist');
});

test('no first message is something else than an empty one', async () => {
  expect((await one(MINIMAL)).firstMessage).toBeUndefined();
  expect((await one(`${MINIMAL}first_message: ""\n`)).firstMessage).toBe('');
  expect(await problemsOf(`${MINIMAL}first_message:\n`)).toEqual([
    'x.yaml:3 first_message: has no value: give it one or remove it',
  ]);
});

test('machines are hung up on, unless the profile says otherwise', async () => {
  expect((await one(MINIMAL)).voicemail).toEqual({ policy: 'hang_up', message: undefined });
  const message = 'voicemail: { policy: leave_message, message: "For {{customerName}}." }\n';
  expect((await one(`${MINIMAL}${message}`)).voicemail).toEqual({
    policy: 'leave_message',
    message: 'For {{customerName}}.',
  });
  expect(await problemsOf(`${MINIMAL}voicemail: { policy: leave_message }\n`)).toEqual([
    'x.yaml:3 voicemail.message: is missing: leave_message needs something to leave',
  ]);
  expect(await problemsOf(`${MINIMAL}voicemail: { policy: shout, message: "{{nme}}" }\n`)).toEqual([
    'x.yaml:3 voicemail.policy: must be one of hang_up, leave_message, continue',
    expect.stringContaining('x.yaml:3 voicemail.message: nothing fills {{nme}}'),
  ]);
});

test('a recording waits for the disclosure, unless the profile says otherwise', async () => {
  const told = 'disclosure: This call may be recorded.\n';
  const { disclosure, recording } = await one(`${MINIMAL}${told}recording: {}\n`);
  expect(disclosure).toBe('This call may be recorded.');
  expect(recording).toEqual({ afterDisclosure: true, retainDays: undefined });
  const atOnce = 'recording: { after_disclosure: false, retain_days: 30 }\n';
  expect((await one(MINIMAL + atOnce)).recording).toEqual({
    afterDisclosure: false,
    retainDays: 30,
  });
  expect((await one(`${MINIMAL}recording: { enabled: false }\n`)).recording).toBeNull();
  expect(await problemsOf(`${MINIMAL}recording: { enabled: true }\n`)).toEqual([
    'x.yaml:3 recording.after_disclosure: has nothing to wait for: write the disclosure, or after_disclosure: false',
  ]);
  expect(await problemsOf(`${MINIMAL}${told}recording: { enable: true }\n`)).toEqual([
    'x.yaml:4 recording.enable: is unknown: did you mean enabled?',
  ]);
});

test('follow-ups have an outcome, a time and a number', async () => {
  const written = `${MINIMAL}followups:
  - { on: NO_ANSWER, after: 2h, times: 3 }
  - { on: BUSY, after: 10m }
`;
  expect((await one(written)).followUps).toEqual([
    { on: 'NO_ANSWER', afterMs: 7_200_000, times: 3 },
    { on: 'BUSY', afterMs: 600_000, times: 1 },
  ]);
  const wrong = `${MINIMAL}followups:
  - { on: DNC, after: 2h }
  - { on: BUSY, after: 10, times: 0 }
  - { on: VOICEMAIL, after: soon, time: 2 }
  - { on: FAILED, after: 1h, times: 21 }
`;
  expect(await problemsOf(wrong)).toEqual([
    'x.yaml:4 followups[0].on: must be one of NO_ANSWER, BUSY, VOICEMAIL, FAILED, CALLBACK, INTERESTED, NOT_INTERESTED, APPOINTMENT, RESOLVED, TRANSFERRED, UNKNOWN',
    'x.yaml:5 followups[1].after: must be text: put it in quotes',
    'x.yaml:5 followups[1].times: must be at least 1',
    'x.yaml:6 followups[2].after: must be a time with its unit, such as 30m, 2h or 1d, and at most a year',
    'x.yaml:6 followups[2].time: is unknown: did you mean times?',
    'x.yaml:7 followups[3].times: must be at most 20',
  ]);
  const twice = `${MINIMAL}followups: [{ on: BUSY, after: 1h }, { on: BUSY, after: 2h }]\n`;
  expect(await problemsOf(twice)).toEqual([
    'x.yaml:3 followups[1].on: the same outcome twice: keep one of them',
  ]);
});

test('rules have a condition and an agent that there is', async () => {
  const rules = `rules:
  - on: call.completed
    when: contact.AnnualRevenue > 100000 and extraction.plan == "pro"
    call_with: vip
  - { on: call.completed, when: outcome == "CALLBACK", call_with: x, known_consent: true }
extraction: { plan: [basic, pro] }
`;
  const vip = `${MINIMAL}numbers: ["+15550100009"]\n`;
  const { all } = await load({ 'vip.yaml': vip, 'x.yaml': MINIMAL + rules });
  expect(all[1]?.rules).toMatchObject([
    { when: 'contact.AnnualRevenue > 100000 and extraction.plan == "pro"', callWith: 'vip' },
    { callWith: 'x', knownConsent: true },
  ]);
  expect(await problems({ 'x.yaml': MINIMAL + rules })).toEqual([
    'x.yaml:6 rules[0].call_with: there is no agent vip: there are x',
  ]);
});

test('a rule that could never be looked at stops the start', async () => {
  const rules = (...conditions: string[]) =>
    `${MINIMAL}rules:\n${conditions
      .map((when) => `  - { on: call.completed, when: '${when}', call_with: x }\n`)
      .join('')}`;
  const wrong = rules('contact.a >', 'outcom == "BUSY"', 'extraction.plam == 1', 'outcome == "OK"');
  expect(await problemsOf(wrong)).toEqual([
    expect.stringMatching(
      /^x\.yaml:4 rules\[0\]\.when: cannot be read: .* at character 12\. It may/,
    ),
    'x.yaml:5 rules[1].when: names outcom, which is unknown: did you mean outcome?',
    expect.stringMatching(/^x\.yaml:6 rules\[2\]\.when: names extraction\.plam, which is unknown/),
    expect.stringMatching(/^x\.yaml:7 rules\[3\]\.when: compares outcome with "OK", and there are/),
  ]);
  const others = `${MINIMAL}rules:
  - { on: call.ended, when: "true", call_with: x }
  - { on: call.completed, call_with: x, wen: "true" }
`;
  expect(await problemsOf(others)).toEqual([
    'x.yaml:4 rules[0].on: must be call.completed',
    'x.yaml:5 rules[1].when: is missing',
    'x.yaml:5 rules[1].wen: is unknown: did you mean when?',
  ]);
});

test('every key of the profile arrives', async () => {
  const profile = await one(`
name: Sales
numbers: ["+1 555 010 0001"]
prompt: Sell.
model: gpt-realtime-mini
voice: cedar
language: pt-BR
tools: [end_call]
lookup: any
speak_fields: [name, accountStatus]
transfers:
  back-office: { to: "sip:office@pbx.example.com:5080;transport=tcp" }
context: { budget_ms: 900, on_missing: reject }
silence: { prompt_after_s: 0, hang_up_after_s: 12.5 }
max_minutes: 0.5
`);
  expect(profile).toMatchObject({
    numbers: ['+15550100001'],
    model: 'gpt-realtime-mini',
    voice: 'cedar',
    language: 'pt-BR',
    tools: ['end_call'],
    lookup: 'any',
    speakFields: ['name', 'accountStatus'],
    transfers: {
      'back-office': { to: 'sip:office@pbx.example.com:5080;transport=tcp', say: undefined },
    },
    context: { budgetMs: 900, onMissing: 'reject' },
    silence: { promptAfterMs: null, hangUpAfterMs: 12_500 },
    maxMinutes: 0.5,
  });
});

test('a backend that is asked is waited for, and nobody is answered without it', async () => {
  const { hooks, context } = await one(`${MINIMAL}hooks:
  on_call_start: http://10.0.0.5:3000/start
  on_tool_call: https://backend.example/tool
  secret_env: MY_HOOK_SECRET
  may_forward: ["+1555"]
`);
  expect(hooks).toEqual({
    onCallStart: 'http://10.0.0.5:3000/start',
    onToolCall: 'https://backend.example/tool',
    onCallEnd: undefined,
    secretEnv: 'MY_HOOK_SECRET',
    mayForward: ['+1555'],
    allowedOrigins: [],
  });
  expect(context.onMissing).toBe('reject');
  const answers = await one(
    `${MINIMAL}hooks: { on_call_start: "https://x.example" }\ncontext: { on_missing: answer }\n`,
  );
  expect(answers.context.onMissing).toBe('answer');
});

test('a call without context can be forwarded, to one of the transfers', async () => {
  const transfers = 'transfers: { sales: { to: "tel:+15550100200" } }\n';
  const rule = (context: string) => `${MINIMAL}${transfers}context: ${context}\n`;
  const { context } = await one(rule('{ on_missing: forward, forward_to: sales }'));
  expect(context).toMatchObject({ onMissing: 'forward', forwardTo: 'sales' });
  expect(await problemsOf(rule('{ on_missing: forward }'))).toEqual([
    'x.yaml:4 context.forward_to: is missing: on_missing: forward needs the name of one of the transfers',
  ]);
  expect(await problemsOf(rule('{ forward_to: support }'))).toEqual([
    'x.yaml:4 context.forward_to: must be the name of one of the transfers',
  ]);
});

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

test('how the model listens is the profile’s', async () => {
  const { turnDetection, noiseReduction, bargeIn } = await one(
    `${MINIMAL}turn_detection: { by: silence, silence_ms: 700 }\nnoise_reduction: near_field\nbarge_in: { min_volume: 0.5 }\n`,
  );
  expect(turnDetection).toEqual({ by: 'silence', silenceMs: 700, threshold: 0.5 });
  expect(noiseReduction).toBe('near_field');
  expect(bargeIn).toEqual({ debounceMs: 150, minVolume: 0.5 });
});

test('a transfer is found by its name only, not by what objects have', async () => {
  const { transfers } = await one(MINIMAL);
  expect(transfers.constructor).toBeUndefined();
});

describe('the dialled number', () => {
  test('chooses the profile, and the default agent takes the rest', async () => {
    const profiles = await load({
      'front.yaml': MINIMAL,
      'sales.yml': `${MINIMAL}numbers: ["+15550100001", "+442079460000"]\n`,
      'notes.txt': 'not a profile',
    });
    expect(profiles.all.map(({ id }) => id)).toEqual(['front', 'sales']);
    expect(profiles.forNumber('+15550100001')?.id).toBe('sales');
    expect(profiles.forNumber('15550100001')?.id).toBe('sales');
    expect(profiles.forNumber('+15550100002')?.id).toBe('front');
    expect(profiles.forNumber('reception')?.id).toBe('front');
  });

  test('without a default agent belongs to nobody', async () => {
    const profiles = await load({ 'sales.yaml': `${MINIMAL}numbers: ["+15550100001"]\n` });
    expect(profiles.forNumber('+15550100002')).toBeNull();
  });
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
      'x.yaml:5 prompt: nothing fills {{custmerName}}: did you mean customerName?',
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

describe('the extraction of a profile', () => {
  const fieldsOf = async (text: string) =>
    Object.fromEntries((await one(`${MINIMAL}${text}`)).extraction.map((f) => [f.name, f]));

  test('comes beside the defaults', async () => {
    const fields = await fieldsOf(`extraction:
  callBackAt: datetime?
  guests: integer
  plan: [basic, pro, null]
  budget: { type: number?, description: " What they can spend a year, in euros. " }
`);
    expect(Object.keys(fields)).toEqual([
      ...DEFAULT_EXTRACTION.map(({ name }) => name),
      'callBackAt',
      'guests',
      'plan',
      'budget',
    ]);
    expect(fields.callBackAt).toMatchObject({ type: { kind: 'datetime' }, optional: true });
    expect(fields.guests).toMatchObject({ type: { kind: 'integer' }, optional: false });
    expect(fields.plan).toMatchObject({
      type: { kind: 'enum', values: ['basic', 'pro'] },
      optional: true,
    });
    expect(fields.budget).toMatchObject({
      type: { kind: 'number' },
      description: 'What they can spend a year, in euros.',
    });
  });

  test('may ask for a default field more strictly, or describe it', async () => {
    const fields = await fieldsOf(
      'extraction: { interested: boolean, appointmentDateTimeISO: datetime? }\n',
    );
    expect(fields.interested).toMatchObject({ type: { kind: 'boolean' }, optional: false });
    expect(fields.interested?.description).toContain('interested');
    expect(Object.keys(fields)).toHaveLength(DEFAULT_EXTRACTION.length);
  });

  test('is checked key by key', async () => {
    expect(
      await problemsOf(`${MINIMAL}extraction:
  plan: [basic, 2, basic]
  size: big
  outcome: string
  summary: integer
  2nd: string
  budget: { type: number, describe: yearly }
  mood: []
  note:
`),
    ).toEqual([
      'x.yaml:4 extraction.plan[1]: must be text: put it in quotes',
      'x.yaml:4 extraction.plan[2]: the same word twice: keep one of them',
      'x.yaml:5 extraction.size: must be one of string, number, integer, boolean, datetime, email, each with or without ?, or a list of words',
      'x.yaml:6 extraction.outcome: is asked for in any case: remove it',
      'x.yaml:7 extraction.summary: is a field of every call: it can only be string or string?',
      'x.yaml:8 extraction.2nd: must have a name of letters, digits and _ that begins with a letter',
      'x.yaml:9 extraction.budget.describe: is unknown: the keys here are type, description',
      'x.yaml:10 extraction.mood: must have 1 to 50 words to choose from',
      'x.yaml:11 extraction.note: must be one of string, number, integer, boolean, datetime, email, each with or without ?, or a list of words',
    ]);
    expect(await problemsOf(`${MINIMAL}extraction: [interested]\n`)).toEqual([
      'x.yaml:3 extraction: must be a group of keys',
    ]);
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
