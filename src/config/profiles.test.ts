import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEFAULT_EXTRACTION } from './extraction_fields.ts';
import { loadProfiles } from './profiles.ts';
import { load, MINIMAL, one, problems, problemsOf } from './testing/profile_texts.ts';

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
  expect(
    await problemsOf(`${MINIMAL}voicemail: { policy: shout, message: "{{priorty}}" }\n`),
  ).toEqual([
    'x.yaml:3 voicemail.policy: must be one of hang_up, leave_message, continue',
    'x.yaml:3 voicemail.message: {{priorty}}: did you mean priority?',
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
