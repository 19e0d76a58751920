import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Installation } from '../sim/installation/installation.ts';
import type { SessionLog } from '../sim/realtime/session_log.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { wholeRecord } from './whole_record.ts';

const PROFILE = `name: Front desk
prompt: Help the caller.
first_message: ""
silence: { prompt_after_s: 0, hang_up_after_s: 0 }
`;

const ADA = '+15550106089';
const STRANGER = '+15550106088';

/** In the order of the calls: a tool that promises durability answers later than one that does not. */
function resultsOf(session: SessionLog): unknown[] {
  const outputs = new Map(session.toolResults.map(({ callId, output }) => [callId, output]));
  return session.toolCalls.map(({ callId }) => JSON.parse(outputs.get(callId) ?? 'null'));
}

describe('the tools of the model', () => {
  const installation = sharedInstallation({
    number: '+15550106020',
    profiles: { 'front-desk.yaml': PROFILE },
    contacts: [
      {
        id: 'ada',
        name: 'Ada Lovelace',
        phone: ADA,
        email: 'ada@example.com',
        accountStatus: 'overdue',
        diagnosis: 'not for anybody',
      },
    ],
  });

  const dial = async (from: string, scenario: string): Promise<Caller> => {
    installation.model?.setScenario(scenario);
    const caller = await Caller.dial(installation, { from });
    await caller.answered();
    return caller;
  };

  it('record an intent, look the caller up and leave a note', async () => {
    const { backend } = installation;
    const before = backend.writes.length;
    const caller = await dial(
      ADA,
      `
turns:
  - hears: I want to pay my bill.
    do:
      - call: { tool: record_intent, arguments: { intent: pay bill, note: by card } }
      - call: { tool: lookup_crm }
      - call: { tool: update_crm_note, arguments: { note: Will pay by card. } }
    then: "Thanks, {{ result.lookup_crm.contact.name }}."
`,
    );
    await caller.asks();
    await caller.call.hangUp();

    const session = await caller.session;
    expect(resultsOf(session)).toEqual([
      { status: 'recorded' },
      { status: 'found', contact: { name: 'Ada Lovelace' } },
      { status: 'saved' },
    ]);
    // What the profile does not let it speak of, the model never has.
    expect(JSON.stringify(session.events)).not.toMatch(/overdue|ada@example|not for anybody/);

    const record = await wholeRecord(installation);
    const [intentCall, , noteCall] = session.toolCalls;
    expect(record.one('intent.recorded')).toMatchObject({
      intent: 'pay bill',
      note: 'by card',
      tool_call_id: intentCall?.callId,
    });
    expect(record.events.find(({ event }) => event === 'intent.recorded')).toMatchObject({
      intent: 'pay bill',
    });
    expect(record.all('crm.updated')).toEqual([
      expect.objectContaining({
        operation: 'note',
        note: 'Will pay by card.',
        tool_call_id: noteCall?.callId,
        contact_id: 'ada',
      }),
      expect.objectContaining({ operation: 'activity', contact_id: 'ada' }),
    ]);
    const [note, activity, ...more] = backend.writes.slice(before);
    expect(more).toEqual([]);
    expect(note).toMatchObject({
      operation: 'note',
      contactId: 'ada',
      body: { text: 'Will pay by card.', source: 'ai-agent' },
    });
    expect(activity).toMatchObject({
      operation: 'activity',
      contactId: 'ada',
      body: {
        type: 'call',
        phone: ADA,
        duration_seconds: record.ended.duration_seconds,
        intent: 'pay bill',
        summary: 'Will pay by card.',
        transfer_to: null,
      },
    });
    expect(note?.idempotencyKey).toBeTruthy();
    expect(activity?.idempotencyKey).toBeTruthy();
    expect(activity?.idempotencyKey).not.toBe(note?.idempotencyKey);
    expect(backend.repeatedWrites).toBe(0);
  });

  it('leave the note of an unknown caller as an activity', async () => {
    const { backend } = installation;
    const before = backend.writes.length;
    const caller = await dial(
      STRANGER,
      `
turns:
  - hears: Please have somebody call me.
    do: [{ call: { tool: update_crm_note, arguments: { note: Wants a call. } } }, { call: { tool: lookup_crm } }]
    then: Of course.
`,
    );
    await caller.asks();
    await caller.call.hangUp();
    expect(resultsOf(await caller.session)).toEqual([{ status: 'saved' }, { status: 'not_found' }]);
    const record = await wholeRecord(installation);
    expect(record.all('crm.updated').map(({ operation }) => operation)).toEqual([
      'note',
      'activity',
    ]);
    expect(
      backend.writes.slice(before).map(({ operation, body }) => ({ operation, body })),
    ).toEqual([
      {
        operation: 'unknown_caller',
        body: { type: 'note', phone: STRANGER, summary: 'Wants a call.' },
      },
      {
        operation: 'unknown_caller',
        body: expect.objectContaining({ type: 'call', phone: STRANGER, summary: 'Wants a call.' }),
      },
    ]);
  });

  it('can be called five times in a row', async () => {
    const caller = await dial(
      ADA,
      `
turns:
  - hears: I want many things.
    do: [{ call: { tool: record_intent, arguments: { intent: one } } }]
    then:
      do: [{ call: { tool: record_intent, arguments: { intent: two } } }]
      then:
        do: [{ call: { tool: lookup_crm } }]
        then:
          do: [{ call: { tool: record_intent, arguments: { intent: three } } }]
          then:
            do: [{ call: { tool: update_crm_note, arguments: { note: Wants much. } } }]
            then: All noted.
`,
    );
    await caller.asks();
    await caller.call.hangUp();
    const session = await caller.session;
    expect(session.toolResults.map(({ callId }) => callId)).toEqual(
      session.toolCalls.map(({ callId }) => callId),
    );
    expect(session.toolCalls).toHaveLength(5);
    const record = await wholeRecord(installation);
    expect(record.all('intent.recorded').map(({ intent }) => intent)).toEqual([
      'one',
      'two',
      'three',
    ]);
    expect(record.ended.transcript).toBe('Caller: I want many things.\nAgent: All noted.');
  });

  it('give the model a result again that a barge-in has lost', async () => {
    const caller = await dial(
      ADA,
      `
turns:
  - hears: Who am I in your books?
    do:
      - call: { tool: lookup_crm }
      - say: >-
          Let me see, one moment please, our books are long and I turn the pages one after the
          other until I have found the one with your name on it.
    then: This is never said.
  - hears: And who?
    say: "It said {{ result.lookup_crm.status | default: 'nothing' }}."
`,
    );
    await caller.speaks();
    await caller.hears(500);
    await caller.asks();
    await caller.call.hangUp();
    const session = await caller.session;
    expect(resultsOf(session)).toEqual([{ status: 'found', contact: { name: 'Ada Lovelace' } }]);
    expect(session.said.at(-1)).toBe('It said found.');
    await wholeRecord(installation);
  });

  it('hang up when the goodbye has been heard', async () => {
    const caller = await dial(
      ADA,
      `
turns:
  - hears: That is all.
    do: [{ say: Goodbye! }, { call: { tool: end_call, arguments: { reason: done } } }]
`,
    );
    await caller.asks();
    expect(await caller.call.ended()).toMatchObject({ by: 'them' });
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({
      end_reason: 'agent_hung_up',
      transcript: 'Caller: That is all.\nAgent: Goodbye!',
    });
  });

  it('have a goodbye said where the model hangs up without one', async () => {
    const caller = await dial(
      ADA,
      `
turns: [{ hears: Bye., do: [{ call: { tool: end_call } }] }]
on_instructed: Farewell.
`,
    );
    await caller.asks();
    expect(await caller.call.ended()).toMatchObject({ by: 'them' });
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({
      end_reason: 'agent_hung_up',
      transcript: 'Caller: Bye.\nAgent: Farewell.',
    });
  });

  it('do not hang up on a caller who speaks into the goodbye', async () => {
    const caller = await dial(
      ADA,
      `
turns:
  - hears: That is all.
    do:
      - say: Thank you for calling Northwind, it was a pleasure to talk to you. Goodbye, and come again!
      - call: { tool: end_call }
  - hears: Wait, one more thing.
    say: Yes, please?
`,
    );
    await caller.speaks();
    await caller.hears(1_000);
    await caller.asks();
    const session = await caller.session;
    await caller.model(({ toolResults }) => toolResults.length === 1);
    expect(resultsOf(session)).toMatchObject([{ status: 'not_ended' }]);
    expect(caller.call.state).toBe('answered');
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('caller_hung_up');
    expect(record.ended.transcript).toMatch(/\nAgent: Yes, please\?$/);
  });

  // The goodbye that Callwire asks for was interrupted, and the call ended in the caller's words.
  it('do not hang up on a caller who speaks into the goodbye that the model has forgotten', async () => {
    const caller = await dial(
      ADA,
      `
turns:
  - { hears: That is all., do: [{ call: { tool: end_call } }] }
  - { hears: "Wait, one more thing.", say: "Yes, please?" }
on_instructed: Thank you for calling Northwind, it was a pleasure to talk to you. Goodbye!
`,
    );
    await caller.speaks();
    await caller.hears(1_000);
    await caller.asks();
    expect(resultsOf(await caller.session)).toMatchObject([{ status: 'not_ended' }]);
    expect(caller.call.state).toBe('answered');
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('caller_hung_up');
    expect(record.ended.transcript).toMatch(
      /\nCaller: Wait, one more thing\.\nAgent: Yes, please\?$/,
    );
  });
});

describe('the built-in CRM', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await Installation.start({
      stack: inject('stack'),
      number: '+15550106021',
      crm: 'builtin',
      profiles: {
        'front-desk.yaml': PROFILE.replace('""', '"Hi {{customerName | default: \'there\'}}."'),
      },
      scenario: `
turns:
  - hears: Take a note.
    do:
      - call: { tool: update_crm_note, arguments: { note: Called. } }
      - call: { tool: lookup_crm }
    then: Noted.
`,
    });
    await installation.importContacts([
      {
        phone: ADA,
        name: 'Ada Lovelace',
        email: null,
        accountStatus: null,
        lastInteraction: null,
        preferredLanguage: null,
        fields: {},
      },
    ]);
  });
  afterAll(() => installation?.stop());

  const call = async (from: string): Promise<Caller> => {
    const caller = await Caller.dial(installation, { from });
    await caller.hearsEnd();
    await caller.asks();
    await caller.call.hangUp();
    return caller;
  };

  it('knows an imported contact and takes notes about it', async () => {
    const caller = await call(ADA);
    const record = await wholeRecord(installation);
    expect(resultsOf(await caller.session)).toEqual([
      { status: 'saved' },
      { status: 'found', contact: { name: 'Ada Lovelace' } },
    ]);
    expect(record.ended).toMatchObject({
      context: 'ready',
      contact: { id: expect.any(String), name: 'Ada Lovelace', phone: ADA },
      transcript: 'Agent: Hi Ada Lovelace.\nCaller: Take a note.\nAgent: Noted.',
    });
    const { contact_id } = record.ended;
    expect(record.all('crm.updated')).toMatchObject([
      { operation: 'note', note: 'Called.', contact_id },
      { operation: 'activity', contact_id },
    ]);
    // The CRM is Callwire's own: the backend sees events, and no writes.
    expect(installation.backend.writes).toEqual([]);
    const { body } = await installation.request('GET', `/v1/contacts/${contact_id}`);
    expect(body.contact).toMatchObject({
      callCount: 1,
      lastCallDate: expect.any(String),
      lastCallDuration: record.ended.duration_seconds,
      lastOutcome: record.completed.outcome,
    });
  });

  it('makes a contact of an unknown caller, and knows it the next time', async () => {
    await call(STRANGER);
    const first = await wholeRecord(installation);
    expect(first.ended).toMatchObject({ context: 'ready', contact: { id: null } });
    const made = first.all('crm.updated')[0]?.contact_id;
    expect(made).toEqual(expect.any(String));

    await call(STRANGER);
    const second = await wholeRecord(installation);
    expect(second.ended).toMatchObject({ contact: { id: made, phone: STRANGER } });
  });
});
