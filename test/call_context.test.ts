import { describe, expect, it } from 'vitest';
import type { Behaviour } from '../sim/crm/behaviour.ts';
import { waitFor } from '../sim/installation/wait_for.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { wholeRecord } from './whole_record.ts';

const NUMBER = '+15550106010';
const IMPATIENT = '+15550106011';
const STRICT = '+15550106012';
const GRACE = '+15550106098';

const SILENCE = 'silence: { prompt_after_s: 0, hang_up_after_s: 0 }';

describe('knowing the caller before the answer', () => {
  const installation = sharedInstallation({
    number: NUMBER,
    moreNumbers: [IMPATIENT, STRICT],
    profiles: {
      'front-desk.yaml': `name: Front desk
prompt: The caller is {{customerName}}.
first_message: "Hi {{customerName | default: 'there'}}."
context: { budget_ms: 3000 }
${SILENCE}`,
      'impatient.yaml': `name: Answers soon
numbers: ["${IMPATIENT}"]
prompt: "The caller is {{customerName | default: 'unknown'}}."
first_message: ""
context: { budget_ms: 1000, on_missing: answer }
${SILENCE}`,
      'strict.yaml': `name: Known callers only
numbers: ["${STRICT}"]
prompt: The caller is {{customerName}}.
context: { budget_ms: 200, on_missing: reject }
${SILENCE}`,
    },
    env: { RETRY_SCHEDULE: '200ms,500ms,1s,1s,1s,1s' },
    contacts: [{ id: 'grace', name: 'Grace Hopper', phone: GRACE, accountStatus: 'gold' }],
  });

  const lookups = () => installation.backend.requests.filter(({ group }) => group === 'lookup');

  it('lets the phone ring until a slow CRM has answered', async () => {
    installation.backend.behave('lookup', { mode: 'slow', ms: 1_200 });
    const caller = await Caller.dial(installation, { from: GRACE });
    const lookup = await waitFor(() => lookups()[0], { what: 'the look-up' });
    expect(caller.call.state).toBe('ringing');
    await caller.hearsEnd();
    const answered = caller.call.timeline.find(({ what }) => what === 'answered');
    // 1 ms: the request's time is whole milliseconds.
    expect(performance.timeOrigin + (answered?.at ?? 0)).toBeGreaterThan(lookup.at + 1_199);
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.one('call.answered')).toMatchObject({
      context: 'ready',
      contact: { id: 'grace', name: 'Grace Hopper', phone: GRACE },
    });
    expect(record.ended).toMatchObject({
      context: 'ready',
      contact_id: 'grace',
      transcript: 'Agent: Hi Grace Hopper.',
    });
    expect(record.ended.context_ms).toBeGreaterThan(1_199);
  });

  it('answers without a CRM that takes too long, and tells the model when it knows', async () => {
    installation.model?.setScenario(`
turns:
  - hears: Do you know me?
    do: [{ call: { tool: lookup_crm } }]
    then: "It says {{ result.lookup_crm.status }}."
on_instructed: "{% if instructed contains 'Grace Hopper' %}You are Grace.{% endif %}"
`);
    const late = Promise.withResolvers<void>();
    installation.backend.behave('lookup', { mode: 'held', until: late.promise });
    const caller = await Caller.dial(installation, { from: GRACE, to: IMPATIENT });
    await caller.answered();
    const session = await caller.session;
    expect(session.config.instructions).toBe('The caller is unknown.');
    await caller.asks();
    expect(JSON.parse(session.toolResults[0]?.output ?? '')).toEqual({ status: 'looking_up' });
    late.resolve();
    await caller.model(({ config }) => config.instructions === 'The caller is Grace Hopper.');
    await caller.hearsEnd();
    const { instructions } = session.responses.at(-1) ?? {};
    expect(instructions).toContain('{"status":"found","contact":{"name":"Grace Hopper"}}');
    expect(session.said).toEqual(['It says looking_up.', 'You are Grace.']);
    await caller.call.hangUp();

    const record = await wholeRecord(installation);
    expect(record.one('call.answered')).toMatchObject({
      context: 'pending',
      contact: { id: null, name: null, phone: GRACE },
    });
    expect(record.ended).toMatchObject({
      end_reason: 'caller_hung_up',
      context: 'ready',
      contact: { id: 'grace', name: 'Grace Hopper' },
    });
    expect(installation.backend.writes.at(-1)).toMatchObject({
      operation: 'activity',
      contactId: 'grace',
    });
  });

  it('refuses a call without context where the profile says so', async () => {
    installation.backend.behave('lookup', { mode: 'hang' });
    const caller = await Caller.dial(installation, { from: GRACE, to: STRICT });
    await expect(caller.answered()).rejects.toMatchObject({ status: 486 });
    const record = await wholeRecord(installation);
    expect(record.events.map(({ event }) => event)).toEqual([
      'call.started',
      'call.failed',
      'call.ended',
      'call.completed',
    ]);
    expect(record.one('call.failed')).toMatchObject({
      sip_status: 486,
      reason: 'context_unavailable',
    });
    expect(record.ended).toMatchObject({
      end_reason: 'context_unavailable',
      duration_seconds: 0,
      transcript: '',
    });
  });

  const broken: [string, Behaviour, { context: string }][] = [
    ['answers 500', { mode: 'status', status: 500 }, { context: 'none' }],
    ['answers something that is no JSON', { mode: 'garbage' }, { context: 'none' }],
    ['answers 10 MB', { mode: 'huge' }, { context: 'none' }],
    ['closes the connection', { mode: 'vanish' }, { context: 'none' }],
    ['never answers', { mode: 'hang' }, { context: 'pending' }],
    ['never stops answering', { mode: 'trickle' }, { context: 'pending' }],
  ];
  it.each(broken)('answers without context when the CRM %s', async (_name, behaviour, expected) => {
    installation.backend.behave('lookup', behaviour);
    installation.model?.setScenario('turns: [{ hears: Hello?, say: Yes. }]');
    const caller = await Caller.dial(installation, { from: GRACE, to: IMPATIENT });
    await caller.answered();
    await caller.asks();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.one('call.answered')).toMatchObject(expected);
    expect(record.ended).toMatchObject({
      end_reason: 'caller_hung_up',
      ...expected,
      contact: { id: null, name: null, phone: GRACE },
      transcript: 'Caller: Hello?\nAgent: Yes.',
    });
  });

  it('answers without context when the CRM is gone', async () => {
    // Gone as the webhooks' receiver as well: it is back for the events.
    await installation.backend.stop();
    try {
      const caller = await Caller.dial(installation, { from: GRACE });
      await caller.hearsEnd();
      await caller.call.hangUp();
    } finally {
      await installation.backend.start();
    }
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({ context: 'none', transcript: 'Agent: Hi there.' });
  });

  it('asks nobody about an anonymous caller', async () => {
    const before = lookups().length;
    const caller = await Caller.dial(installation, { anonymous: true });
    await caller.hearsEnd();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(lookups()).toHaveLength(before);
    expect(record.ended).toMatchObject({
      from: null,
      context: 'none',
      contact: { id: null, name: null, phone: null },
      transcript: 'Agent: Hi there.',
    });
  });

  it('answers a caller whom the CRM does not know', async () => {
    const caller = await Caller.dial(installation, { from: '+15550106097' });
    await caller.hearsEnd();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({
      from: '+15550106097',
      context: 'ready',
      contact: { id: null, name: null, phone: '+15550106097' },
      transcript: 'Agent: Hi there.',
    });
  });
});
