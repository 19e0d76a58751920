import { describe, expect, it } from 'vitest';
import { tones } from '../sim/phone/audio_analysis.ts';
import { BODY_HZ, END_HZ, START_HZ, speechMs } from '../sim/realtime/voice.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { wholeRecord } from './whole_record.ts';

const NUMBER = '+15550106000';
const OPENS_BY_ITSELF = '+15550106001';
const CALLER_FIRST = '+15550106002';
const LONG_GREETING = '+15550106003';
const ADA = '+15550106099';

const SILENCE = 'silence: { prompt_after_s: 0, hang_up_after_s: 0 }';
/*
 * The model makes speech four times faster than it plays: only in a text of this length is it still at
 * it when the caller speaks, however late a busy machine lets the caller be.
 */
const LONG = `Welcome to Northwind, where we sell ${'green blue red black white yellow orange purple brown'
  .split(' ')
  .map((colour) => `${colour} jackets for rain, ${colour} jackets for wind, `)
  .join('')}and all of them for snow. Now tell me how I can help you today.`;

describe('the greeting', () => {
  const installation = sharedInstallation({
    number: NUMBER,
    moreNumbers: [OPENS_BY_ITSELF, CALLER_FIRST, LONG_GREETING],
    profiles: {
      'front-desk.yaml': `name: Front desk
prompt: The caller is {{customerName}}.
first_message: "Hi {{customerName | default: 'there'}}, this is Northwind."
${SILENCE}`,
      'opens.yaml': `name: Opens by itself
numbers: ["${OPENS_BY_ITSELF}"]
prompt: Be brief.
${SILENCE}`,
      'listens.yaml': `name: Listens first
numbers: ["${CALLER_FIRST}"]
prompt: Wait.
first_message: ""
${SILENCE}`,
      'long.yaml': `name: Talks long
numbers: ["${LONG_GREETING}"]
prompt: Talk.
first_message: "${LONG}"
${SILENCE}`,
    },
    contacts: [{ id: 'ada', name: 'Ada Lovelace', phone: ADA }],
  });

  /** How much of the greeting's three tones the phone has heard. */
  async function hearsGreeting(text: string) {
    const caller = await Caller.dial(installation, { from: ADA });
    await caller.hearsEnd();
    await caller.model(({ said }) => said.includes(text));
    await caller.call.hangUp();
    const windows = tones(caller.call.heard.samples(), [START_HZ, BODY_HZ, END_HZ], {
      windowMs: 20,
    });
    const lengthOf = (hz: number) =>
      20 * windows.filter(({ present }) => present.includes(hz)).length;
    return { startMs: lengthOf(START_HZ), bodyMs: lengthOf(BODY_HZ), endMs: lengthOf(END_HZ) };
  }

  /*
   * A machine without time for a call process loses audio, wherever in the sentence that was: such a
   * call is made anew. What Callwire cut off would be missing in every call.
   */
  it('is heard from its first to its last moment, with the name of a known contact', {
    retry: 2,
  }, async () => {
    const text = 'Hi Ada Lovelace, this is Northwind.';
    const heard = await hearsGreeting(text);
    // What the model said is what the phone heard: the markers of 200 ms and all in between.
    expect(heard.startMs).toBeGreaterThan(160);
    expect(heard.endMs).toBeGreaterThan(160);
    expect(heard.bodyMs).toBeGreaterThan(speechMs(text) - 400 - 200);
    const record = await wholeRecord(installation);
    expect(record.ended).toMatchObject({
      end_reason: 'caller_hung_up',
      contact: { id: 'ada', name: 'Ada Lovelace', phone: ADA },
      context: 'ready',
      transcript: `Agent: ${text}`,
    });
    expect(record.events.map(({ event }) => event).slice(0, 3)).toEqual([
      'call.started',
      'call.answered',
      'transcript.final',
    ]);
  });

  it('is left to the model where the profile has no first message', async () => {
    installation.model?.setScenario('opening: Good day, what can I do for you?');
    const caller = await Caller.dial(installation, { to: OPENS_BY_ITSELF });
    await caller.hearsEnd();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended.transcript).toBe('Agent: Good day, what can I do for you?');
    expect(record.ended.agent_id).toBe('opens');
  });

  it('waits for the caller where the first message is empty', async () => {
    installation.model?.setScenario('turns: [{ hears: Hello?, say: Northwind here. }]');
    const caller = await Caller.dial(installation, { to: CALLER_FIRST });
    await caller.answered();
    await caller.model((log) => log.audio.ms > 1000);
    expect((await caller.session).responses).toEqual([]);
    await caller.asks();
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(record.ended.transcript).toBe('Caller: Hello?\nAgent: Northwind here.');
  });

  it('stops for a caller who speaks into its first seconds, and only what was heard is kept', async () => {
    installation.model?.setScenario('turns: [{ hears: I know you., say: Then go ahead. }]');
    const caller = await Caller.dial(installation, { to: LONG_GREETING });
    await caller.hears(800);
    await caller.asks();
    const session = await caller.session;
    // agents-js by itself replaces the caller by silence for the first 3 s of the agent's speech.
    const [truncation] = session.truncations;
    expect(truncation?.audioEndMs).toBeLessThan(3_000);
    expect(session.responses[0]?.status).toBe('cancelled');
    expect(session.events.map(({ event }) => event.type)).toContain('response.cancel');
    await caller.call.hangUp();

    const heard = tones(caller.call.heard.samples(), [END_HZ], { windowMs: 20 });
    const ends = 20 * heard.filter(({ present }) => present.includes(END_HZ)).length;
    // One end marker, that of the reply: the greeting's was never heard.
    expect(ends).toBeGreaterThan(100);
    expect(ends).toBeLessThan(300);
    const record = await wholeRecord(installation);
    const [greeting, ...rest] = record.all('transcript.final').map(({ text }) => String(text));
    expect(rest).toEqual(['I know you.', 'Then go ahead.']);
    expect(LONG.startsWith(greeting ?? '?')).toBe(true);
    expect(greeting?.length).toBeLessThan(LONG.length / 6);
  });
});
