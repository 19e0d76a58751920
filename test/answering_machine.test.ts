import { describe, expect, it } from 'vitest';
import { waitFor } from '../sim/installation/wait_for.ts';
import { tones } from '../sim/phone/audio_analysis.ts';
import {
  answeringMachine,
  answers,
  type Callee,
  callScreening,
  hangsUpOnGreeting,
  ivr,
} from '../sim/phone/callee.ts';
import type { IncomingCall } from '../sim/phone/incoming_call.ts';
import { babble, concat, tone } from '../sim/phone/speech.ts';
import { END_HZ, START_HZ } from '../sim/realtime/voice.ts';
import { sharedInstallation } from './shared_installation.ts';

/** Made up; each test calls one of its own. */
const phone = (n: number) => `+155501118${String(n).padStart(2, '0')}`;

const GREETING = 'Hi, this is Northwind.';
const DISCLOSURE = 'This call is recorded.';
const MESSAGE = 'Northwind here. Please call 4711 back.';
const BEEP_HZ = 1000;

const agent = (more: string) => `name: Agent
prompt: You call for Northwind.
first_message: "${GREETING}"
silence: { prompt_after_s: 0, hang_up_after_s: 0 }
${more}`;

/** The model takes the first thing it hears for the first of these, and so on. */
const hearing = (...words: string[]) =>
  `turns: ${JSON.stringify(words.map((hears) => ({ hears, say: 'I see.' })))}\n`;

describe('an outbound call finds out who has answered', () => {
  const installation = sharedInstallation({
    number: '+15550111800',
    profiles: {
      'hangs-up.yaml': agent(''),
      'leaves-a-message.yaml': agent(
        'numbers: ["+15550111898"]\n' +
          'voicemail: { policy: leave_message, message: "Northwind here. Please call {{ caseId }} back." }\n',
      ),
      'talks-on.yaml': agent(
        `numbers: ["+15550111899"]\ndisclosure: ${DISCLOSURE}\nvoicemail: { policy: continue }\n`,
      ),
    },
    env: { CALLING_HOURS: 'off', OUTBOUND_CALLS_PER_SECOND: '20' },
  });

  /** Calls this callee, who is heard as saying these words, and resolves when the phone rings. */
  async function reach(
    n: number,
    callee: Callee,
    { agentId = 'hangs-up', words = [] }: { agentId?: string; words?: string[] } = {},
  ): Promise<{ id: string; call: IncomingCall }> {
    installation.model?.setScenario(hearing(...words));
    installation.carrier.subscribe(phone(n), callee);
    const variables = { caseId: '4711' };
    const body = { agentId, phoneNumber: phone(n), knownConsent: true, variables };
    const accepted = await installation.request('POST', '/v1/calls', { body });
    expect(accepted.status).toBe(202);
    return { id: accepted.body.call.id, call: await installation.carrier.waitForCall(phone(n)) };
  }

  const completed = (id: string) =>
    waitFor(
      async () => {
        const { body } = await installation.request('GET', `/v1/calls/${id}`);
        return body.call.outcome === null ? undefined : body.call;
      },
      { what: `the completion of ${id}`, deadlineMs: 60_000 },
    );
  const completion = async (id: string) => {
    const { body } = await installation.request('GET', `/v1/calls/${id}/events`);
    const events = body.events as { event: string; data: Record<string, unknown> }[];
    return events.find(({ event }) => event === 'call.completed')?.data;
  };
  /** What the phone has heard: the beginnings and the ends of utterances. */
  const utterances = (call: IncomingCall) => {
    const all = markers(call);
    const begun = all.filter((marker) => marker === 'begun').length;
    return { begun, heardToTheEnd: all.length - begun };
  };
  /** Waits until so many utterances have been heard to their ends, and the silence behind. */
  const hears = async (call: IncomingCall, times: number) => {
    const what = `the end of utterance ${times}`;
    const heard = () => utterances(call).heardToTheEnd >= times;
    await waitFor(heard, { what, deadlineMs: 40_000 });
    await call.heard.waitForSilence({ forMs: 200, deadlineMs: 40_000 });
  };
  const agentLines = ({ transcript }: { transcript: string }) =>
    transcript.split('\n').filter((line) => line.startsWith('Agent: '));

  it('a person is greeted behind their hello, once and whole, and talked to', async () => {
    const { id, call } = await reach(1, answers({ say: babble(600) }), {
      words: ['Hello?', 'Is the flat still there?'],
    });
    await hears(call, 1);
    await call.play(babble(900));
    await hears(call, 2);
    await call.hangUp();
    const shown = await completed(id);
    expect(shown).toMatchObject({ endReason: 'caller_hung_up', answeredBy: 'person' });
    expect(shown.transcript).toBe(
      `Caller: Hello?\nAgent: ${GREETING}\nCaller: Is the flat still there?\nAgent: I see.`,
    );
  });

  it('a menu is hung up on without a word', async () => {
    const { id, call } = await reach(2, ivr({ menu: babble(1_500), keys: {} }), {
      words: ['For sales, press 1. For support, press 2.'],
    });
    const { by } = await call.ended();
    expect(by).toBe('them');
    const shown = await completed(id);
    expect(shown).toMatchObject({
      endReason: 'voicemail',
      outcome: 'VOICEMAIL',
      answeredBy: 'ivr',
    });
    expect(await completion(id)).toMatchObject({ outcome: 'VOICEMAIL', answered_by: 'ivr' });
    expect(utterances(call)).toEqual({ begun: 0, heardToTheEnd: 0 });
  });

  it('an answering machine gets the whole message behind its beep, and nothing else', async () => {
    const machine = answeringMachine({ greeting: babble(4_000), recordMs: 30_000 });
    const { id, call } = await reach(3, machine, {
      agentId: 'leaves-a-message',
      words: ['You have reached Ada. Leave a message after the tone.'],
    });
    const { by } = await call.ended();
    expect(by).toBe('them');
    const recording = call.timeline.find((entry) => 'mark' in entry && entry.mark === 'recording');
    expect(call.heard.firstLoudAt()).toBeGreaterThan(recording?.at ?? Number.POSITIVE_INFINITY);
    expect(utterances(call)).toEqual({ begun: 1, heardToTheEnd: 1 });
    const shown = await completed(id);
    expect(shown).toMatchObject({
      endReason: 'voicemail',
      outcome: 'VOICEMAIL',
      answeredBy: 'machine',
    });
    expect(agentLines(shown)).toEqual([`Agent: ${MESSAGE}`]);
  });

  it('call screening is told who calls, and the person behind it is greeted', async () => {
    const screening = callScreening({
      question: babble(2_800),
      next: (call) => call.play(babble(500)),
    });
    const { id, call } = await reach(4, screening, {
      words: ['Please state your name and why you are calling.', 'Hello?'],
    });
    await hears(call, 2);
    await call.hangUp();
    const shown = await completed(id);
    expect(shown).toMatchObject({ endReason: 'caller_hung_up', answeredBy: 'person' });
    const [business, greeting] = agentLines(shown);
    expect(business).not.toContain(GREETING);
    expect(greeting).toBe(`Agent: ${GREETING}`);
  });

  /**
   * It begins to talk when we do, and beeps. The disclosure was cut off by that, or the greeting, or
   * one of them was said again.
   */
  it('words and a beep that fall into the disclosure neither cut nor repeat anything', async () => {
    const { id, call } = await reach(5, answers(), {
      agentId: 'talks-on',
      words: ['Good day to you.'],
    });
    await call.heard.waitForTone(START_HZ, { deadlineMs: 30_000 });
    await call.play(concat(babble(1_400), tone(BEEP_HZ, 400)));
    await hears(call, 2);
    await call.hangUp();
    const shown = await completed(id);
    expect(shown).toMatchObject({ endReason: 'caller_hung_up' });
    expect(agentLines(shown).slice(0, 2)).toEqual([`Agent: ${DISCLOSURE}`, `Agent: ${GREETING}`]);
    expect(agentLines(shown).filter((line) => line.includes(GREETING))).toHaveLength(1);
    // An answer to its words may follow, as far as the phone is still there to hear it.
    expect(markers(call).slice(0, 4)).toEqual(['begun', 'heard', 'begun', 'heard']);
  });

  it('somebody who hangs up in the greeting has hung up', async () => {
    const { id, call } = await reach(6, hangsUpOnGreeting());
    await call.ended();
    expect(await completed(id)).toMatchObject({
      endReason: 'caller_hung_up',
      answeredBy: 'unknown',
      outcome: 'UNKNOWN',
    });
  });
});

/** The beginnings and the ends of utterances, as heard: each for at least two windows of 60 ms. */
function markers(call: IncomingCall): ('begun' | 'heard')[] {
  const windows = tones(call.heard.samples(), [START_HZ, END_HZ], { windowMs: 60, minShare: 0.7 });
  const found: ('begun' | 'heard')[] = [];
  const lengths = { begun: 0, heard: 0 };
  for (const { present } of windows) {
    for (const [marker, hz] of [
      ['begun', START_HZ],
      ['heard', END_HZ],
    ] as const) {
      lengths[marker] = present.includes(hz) ? lengths[marker] + 1 : 0;
      if (lengths[marker] === 2) found.push(marker);
    }
  }
  return found;
}
