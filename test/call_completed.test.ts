import { beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../sim/installation/wait_for.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { recorded, type WholeRecord, wholeRecord } from './whole_record.ts';

const CALLER = '+15550100001';

const PROFILE = `name: Front desk
prompt: Help the caller.
first_message: "Hello."
silence: { prompt_after_s: 0, hang_up_after_s: 0 }
extraction:
  viewing: datetime?
  plan: [rent, buy, null]
`;

/** What is said, and what the text model answers when it is asked about it. */
const scenario = (extraction: string) => `turns:
  - { hears: May I see the flat tomorrow at ten?, say: Of course. }
extraction: ${extraction}
`;

const READ = JSON.stringify({
  summary: 'Ada comes to see the flat.',
  interested: true,
  viewing: '2026-03-02T10:00:00+01:00',
  plan: 'rent',
  outcome: 'APPOINTMENT',
});

const EXTRACTION = {
  summary: 'Ada comes to see the flat.',
  interested: true,
  appointmentDateTimeISO: null,
  appointmentDurationMinutes: null,
  contactEmail: null,
  viewing: '2026-03-02T10:00:00+01:00',
  plan: 'rent',
};

/*
 * A call on the real stack, and what follows it: the worker asks the stand-in for the model about
 * the transcript, and the backend gets `call.completed` behind `call.ended`, verified.
 */
describe('after a call', () => {
  const installation = sharedInstallation({
    number: '+15550107090',
    profiles: { 'front-desk.yaml': PROFILE },
    contacts: [{ id: 'c1', name: 'Ada Lovelace', phone: CALLER }],
  });
  /** Of the calls before. */
  let askedBefore = 0;
  beforeEach(() => {
    askedBefore = installation.model?.chat.requests.length ?? 0;
  });

  /** Greeting, question, answer, hang-up. */
  async function talk(extraction: string): Promise<void> {
    installation.model?.setScenario(scenario(extraction));
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    await caller.asks();
    await caller.call.hangUp();
  }

  const requests = () => installation.model?.chat.requests.slice(askedBefore) ?? [];
  const asked = (times: number) =>
    waitFor(() => requests().length >= times, { what: `request ${times} to the text model` });

  const isAppointment = ({ completed, ended }: WholeRecord) => {
    expect(completed).toMatchObject({
      outcome: 'APPOINTMENT',
      extraction: EXTRACTION,
      transcript: ended.transcript,
      contact: { id: 'c1', name: 'Ada Lovelace', phone: CALLER },
      recording_url: null,
      recording_expires_at: null,
      consent_record_id: null,
    });
  };

  it('the backend learns what came of it, and what it cost', async () => {
    await talk(READ);
    const record = await wholeRecord(installation);
    isAppointment(record);
    const [request] = requests();
    expect(request?.model).toBe('gpt-6-luna');
    expect(request?.messages[1]?.content).toBe(
      'Agent: Hello.\nCaller: May I see the flat tomorrow at ten?\nAgent: Of course.',
    );
    const { model, transcription, telephony, recording, total } = record.ended.cost as Cost;
    for (const part of [model, transcription, telephony]) expect(part).toBeGreaterThan(0);
    expect(recording).toBe(0);
    expect(total).toBeCloseTo(model + transcription + telephony, 6);
  });

  it('a model that answers wrongly is asked once more', async () => {
    await talk(`[{ summary: Ada., viewing: tomorrow at ten, outcome: APPOINTMENT }, ${READ}]`);
    isAppointment(await wholeRecord(installation));
    expect(requests()).toHaveLength(2);
  });

  it('a model that is down delays it, and it is not lost', async () => {
    await talk(`[{ $status: 503 }, { $status: 429, $retry_after: 1 }, { $drop: true }, ${READ}]`);
    await recorded(installation, 'call.ended');
    await asked(2);
    const { call_id } = await recorded(installation, 'call.ended');
    const soFar = (await installation.events()).filter((event) => event.call_id === call_id);
    expect(soFar.map(({ event }) => event)).not.toContain('call.completed');
    isAppointment(await wholeRecord(installation));
    expect(requests()).toHaveLength(4);
  });

  it('a model that refuses leaves the event without extraction', async () => {
    await talk('{ $refuse: I cannot help with that. }');
    const { callId, completed } = await wholeRecord(installation);
    expect(completed).toMatchObject({ outcome: 'UNKNOWN', extraction: null });
    const line = await installation.worker.waitForLine(
      ({ msg, call }) => msg === 'call completed' && call === callId,
    );
    expect(line).toMatchObject({ level: 'warn', error: 'refused', outcome: 'UNKNOWN' });
  });

  /*
   * t=0 the call ends, the worker asks the text model, which says nothing; the worker is killed. The
   * next one finds the job of the call, asks again and gets an answer. Proves that between the end
   * and the completion nothing is lost and nothing doubled.
   */
  it('a worker that is killed in between leaves it to the next one, exactly once', async () => {
    await talk(`[{ $hang: true }, ${READ}]`);
    await recorded(installation, 'call.ended');
    await asked(1);
    installation.worker.kill('SIGKILL');
    await installation.worker.exited();
    await installation.startWorker();
    isAppointment(await wholeRecord(installation));
    expect(requests()).toHaveLength(2);
  });
});

interface Cost {
  model: number;
  transcription: number;
  telephony: number;
  recording: number;
  total: number;
}
