import { describe, expect, it } from 'vitest';
import { waitFor } from '../sim/installation/wait_for.ts';
import { deleteRoom } from '../src/telephony/livekit_api.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { recorded, wholeRecord, wholeRecords } from './whole_record.ts';

const NUMBER = '+15550106050';
const SILENT = '+15550106051';
const SHORT = '+15550106052';
const NOBODY = '+15550106053';

const PATIENT = 'silence: { prompt_after_s: 0, hang_up_after_s: 0 }';

describe('a call ends', () => {
  const installation = sharedInstallation({
    number: NUMBER,
    moreNumbers: [SILENT, SHORT, NOBODY],
    profiles: {
      'front-desk.yaml': `name: Front desk
numbers: ["${NUMBER}"]
prompt: Help the caller.
first_message: Hello.
${PATIENT}`,
      'silent.yaml': `name: Impatient
numbers: ["${SILENT}"]
prompt: Help the caller.
first_message: Hello.
silence: { prompt_after_s: 1, hang_up_after_s: 5 }
`,
      'short.yaml': `name: Short of time
numbers: ["${SHORT}"]
prompt: Help the caller.
first_message: Hello.
max_minutes: 0.05
${PATIENT}`,
    },
  });

  it('when the caller gives up while it rings', async () => {
    installation.backend.behave('lookup', { mode: 'slow', ms: 10_000 });
    const { requests } = installation.backend;
    const before = requests.length;
    const caller = await Caller.dial(installation);
    await waitFor(() => requests.slice(before).some(({ group }) => group === 'lookup'), {
      what: 'the look-up',
    });
    await caller.call.cancel();
    const record = await wholeRecord(installation);
    expect(record.events.map(({ event }) => event)).toEqual([
      'call.started',
      'call.failed',
      'call.ended',
      'call.completed',
    ]);
    expect(record.one('call.failed')).toMatchObject({
      sip_status: 487,
      reason: 'caller_hung_up',
    });
    expect(record.ended).toMatchObject({ end_reason: 'caller_hung_up', duration_seconds: 0 });
    expect(record.completed).toMatchObject({ outcome: 'NO_ANSWER', extraction: null });
  });

  it('when the caller hangs up at the very answer', async () => {
    const caller = await Caller.dial(installation);
    await caller.answered();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('caller_hung_up');
  });

  it('when the caller hangs up during a tool, and what it did is kept', async () => {
    installation.model?.setScenario(`
turns:
  - hears: Note this.
    do: [{ call: { tool: update_crm_note, arguments: { note: Noted. } } }]
    then: I have noted it.
`);
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    await caller.speaks();
    await caller.model(({ toolCalls }) => toolCalls.length === 1);
    await caller.call.hangUp();
    // The note and what is written of the call behind its end go their own ways.
    const { call_id } = await recorded(installation, 'call.started');
    const isNoted = async () =>
      (await installation.events()).some(
        (one) =>
          one.call_id === call_id && one.event === 'crm.updated' && one.data.operation === 'note',
      );
    await waitFor(isNoted, { what: 'the note in the CRM' });
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('caller_hung_up');
    expect(
      record
        .all('crm.updated')
        .map(({ operation }) => operation)
        .sort(),
    ).toEqual(['activity', 'note']);
  });

  it('when the room is deleted by somebody else', async () => {
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    const { data } = await installation.waitForLedger('call.answered');
    const rooms = await installation.rooms();
    expect(rooms).toHaveLength(1);
    await deleteRoom(installation.livekit.rooms, rooms[0] ?? String(data.room));
    expect(await caller.call.ended()).toMatchObject({ by: 'them' });
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('ended_by_api');
  });

  it('when the phone is gone without a word', async () => {
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    caller.call.vanish();
    // livekit-sip waits 15 s for audio.
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({ end_reason: 'media_lost', transcript: 'Agent: Hello.' });
  });

  it('when nobody says anything, after a question', async () => {
    installation.model?.setScenario(`
on_instructed: "{% if instructed contains 'goodbye' %}Goodbye.{% elsif instructed contains 'silent' %}Are you there?{% else %}{{ instructed }}{% endif %}"
`);
    const caller = await Caller.dial(installation, { to: SILENT });
    await caller.hearsEnd();
    await caller.hearsEnd();
    await caller.hearsEnd();
    expect(await caller.call.ended()).toMatchObject({ by: 'them' });
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({
      end_reason: 'silence',
      transcript: 'Agent: Hello.\nAgent: Are you there?\nAgent: Goodbye.',
    });
  });

  it('when its minutes are over, with a goodbye', async () => {
    installation.model?.setScenario(`
on_instructed: "{% if instructed contains 'goodbye' %}Goodbye.{% else %}{{ instructed }}{% endif %}"
`);
    const caller = await Caller.dial(installation, { to: SHORT });
    await caller.hearsEnd();
    await caller.hearsEnd();
    expect(await caller.call.ended()).toMatchObject({ by: 'them' });
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({
      end_reason: 'max_duration',
      transcript: 'Agent: Hello.\nAgent: Goodbye.',
    });
  });

  it('with a goodbye that is heard to its end, whatever the caller says into it', async () => {
    installation.model?.setScenario(`
on_instructed: >-
  {% if instructed contains 'goodbye' %}The time for this call is over. Thank you for calling, and goodbye.
  {%- else %}{{ instructed }}{% endif %}
`);
    const caller = await Caller.dial(installation, { to: SHORT });
    await caller.hearsEnd();
    await caller.hearsBeginning();
    await caller.asks();
    expect(await caller.call.ended()).toMatchObject({ by: 'them' });
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({
      end_reason: 'max_duration',
      transcript:
        'Agent: Hello.\nAgent: The time for this call is over. Thank you for calling, and goodbye.',
    });
  });

  it('not with the goodbye to a silent line where the caller comes back into it', async () => {
    installation.model?.setScenario(`
turns: [{ hears: I am here., say: "Good, go on." }]
on_instructed: >-
  {% if instructed contains 'goodbye' %}The line stays silent, so I will hang up now. Goodbye.
  {%- elsif instructed contains 'silent' %}Are you there?
  {%- else %}{{ instructed }}{% endif %}
`);
    const caller = await Caller.dial(installation, { to: SILENT });
    await caller.hearsEnd();
    await caller.hearsEnd();
    await caller.hears(1_000);
    await caller.asks();
    expect(caller.call.state).toBe('answered');
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('caller_hung_up');
    expect(record.ended.transcript).toMatch(/\nCaller: I am here\.\nAgent: Good, go on\.$/);
  });

  it('before it begins where no agent answers the number', async () => {
    const caller = await Caller.dial(installation, { to: NOBODY });
    await expect(caller.answered()).rejects.toMatchObject({ status: 486 });
    const record = await wholeRecord(installation);
    expect(record.one('call.failed')).toMatchObject({ sip_status: 486, reason: 'rejected' });
    expect(record.ended).toMatchObject({ end_reason: 'rejected', to: NOBODY, agent_id: '' });
  });

  it('before it begins for a number that has two calls already', async () => {
    const from = '+15550106095';
    const first = await Caller.dial(installation, { from });
    await first.hearsEnd();
    const second = await Caller.dial(installation, { from });
    await second.hearsEnd();
    const third = await Caller.dial(installation, { from });
    await expect(third.answered()).rejects.toMatchObject({ status: 486 });
    expect([first.call.state, second.call.state]).toEqual(['answered', 'answered']);
    // One call of theirs ends without a trace in the other.
    await first.call.hangUp();
    await second.asks();
    await second.call.hangUp();
    const records = await wholeRecords(installation, { calls: 3 });
    expect(records.map(({ ended }) => ended.end_reason).sort()).toEqual([
      'caller_hung_up',
      'caller_hung_up',
      'rejected',
    ]);
    expect(new Set(records.map(({ ended }) => ended.room)).size).toBe(3);
  });

  it('not because of keys: they reach the model as words of the caller', async () => {
    installation.model?.setScenario(
      'on_text: [{ contains: pressed 12#, say: You pressed one and two. }]',
    );
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    await caller.call.dtmf('12#');
    await caller.hearsEnd();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended.transcript).toBe(
      'Agent: Hello.\nCaller: [The caller pressed 12# on the keypad.]\nAgent: You pressed one and two.',
    );
  });

  it('not because of keys in the moment of the answer: none of them is lost', async () => {
    installation.model?.setScenario('on_text: [{ contains: pressed 12#, say: Early keys. }]');
    const caller = await Caller.dial(installation);
    await caller.answered();
    await caller.call.dtmf('12#');
    // The answer to them may come so early that nothing of the greeting is heard.
    await waitFor(
      async () => JSON.stringify(await installation.events()).includes('Early keys') || undefined,
      { what: 'the answer to the keys', deadlineMs: 30_000 },
    );
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended.transcript).toContain('[The caller pressed 12# on the keypad.]');
  });
});

describe('a worker whose slots are all taken', () => {
  const installation = sharedInstallation({
    number: '+15550106054',
    env: { MAX_CALLS: '1' },
  });

  it('lets the next caller hear busy, records it, and the call there goes on', async () => {
    const first = await Caller.dial(installation);
    await first.hearsEnd();
    const second = await Caller.dial(installation, { from: '+15550106094' });
    await expect(second.answered()).rejects.toMatchObject({ status: 486 });
    await first.asks();
    await first.call.hangUp();
    const records = await wholeRecords(installation, { calls: 2 });
    const missed = records.find(({ ended }) => ended.end_reason === 'no_capacity');
    expect(missed?.events.map(({ event }) => event)).toEqual([
      'call.failed',
      'call.ended',
      'call.completed',
    ]);
    expect(missed?.one('call.failed')).toMatchObject({ sip_status: 486, reason: 'no_capacity' });
    expect(missed?.ended).toMatchObject({
      from: '+15550106094',
      to: '+15550106054',
      agent_id: 'front-desk',
    });

    // The slot is free again.
    const third = await Caller.dial(installation);
    await third.hearsEnd();
    await third.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended.end_reason).toBe('caller_hung_up');
  });
});
