import { describe, expect, it } from 'vitest';
import type { Report } from '../events/reported_call.ts';
import type { JsonObject } from './loose.ts';
import { recognise } from './platforms.ts';
import {
  bland,
  CALLER,
  ENDED_AT,
  elevenlabs,
  OURS,
  retell,
  STARTED_AT,
  simplified,
  vapi,
} from './testing/bodies.ts';

function read(body: JsonObject) {
  const { platform, read } = recognise(body);
  return { platform, ...read(ENDED_AT + 60_000) };
}

function reported(body: JsonObject): Report {
  const reading = read(body);
  if (reading.kind !== 'report') throw new Error(`it is ${reading.kind}`);
  // As it is stored: without what it does not say.
  return JSON.parse(JSON.stringify(reading.report));
}

const SAID = [
  { role: 'agent', text: expect.stringContaining('Harbour Dental') },
  { role: 'caller', text: expect.stringContaining('Thursday') },
];
const PARTIES = { from: CALLER, to: OURS, direction: 'inbound', contactId: 'c21' };
const SUMMARY = 'The caller comes on Thursday.';

describe('Retell', () => {
  it('says that somebody took the call, that it ended, and what it came to', () => {
    expect(read(retell.started())).toMatchObject({
      platform: 'retell',
      callId: 'call_0a1b2c3d4e5f60718293a4b5c6d7e8f9',
    });
    expect(reported(retell.started())).toMatchObject({
      ...PARTIES,
      stage: 'answered',
      at: STARTED_AT,
      agentId: 'agent_harbour_dental',
    });
    const ended = {
      ...PARTIES,
      endedAt: ENDED_AT,
      durationMs: 96_000,
      endReason: 'caller_hung_up',
      said: SAID,
      cost: { model: 0.176, transcription: 0, telephony: 0.024, recording: 0, total: 0.2 },
      recordingUrl: 'https://recordings.example/retell.wav',
    };
    expect(reported(retell.ended())).toMatchObject({ stage: 'ended', ...ended });
    expect(reported(retell.ended()).extraction).toBeUndefined();
    expect(reported(retell.analyzed())).toMatchObject({
      stage: 'analysed',
      ...ended,
      extraction: { summary: SUMMARY, sentiment: 'Positive', successful: true },
      outcome: 'APPOINTMENT',
    });
  });

  it('tells times in milliseconds and where its words were said', () => {
    const times = reported(retell.ended()).said?.map(({ at }) => at);
    expect(times).toEqual([STARTED_AT + 500, STARTED_AT + 4_000]);
  });

  it.each([
    ['agent_hangup', 'agent_hung_up'],
    ['call_transfer', 'transferred'],
    ['voicemail_reached', 'voicemail'],
    ['machine_detected', 'voicemail'],
    ['inactivity', 'silence'],
    ['max_duration_reached', 'max_duration'],
    ['concurrency_limit_reached', 'no_capacity'],
    ['dial_busy', 'busy'],
    ['dial_failed', 'dial_failed'],
    ['dial_no_answer', 'no_answer'],
    ['invalid_destination', 'invalid_number'],
    ['user_declined', 'rejected'],
    ['error_llm_websocket_lost_connection', 'model_unavailable'],
    ['error_retell', 'error'],
    ['error_of_next_year', 'error'],
    ['words_nobody_knows', 'unknown'],
  ])('%s is %s', (disconnection_reason, endReason) => {
    expect(reported(retell.ended({ disconnection_reason })).endReason).toBe(endReason);
  });

  it('keeps what it does not know, and leaves out what says nothing new', () => {
    const transfer = { ...retell.started(), event: 'transfer_started' };
    expect(read(transfer)).toMatchObject({
      event: 'transfer_started',
      report: { stage: 'told' },
      unknown: transfer,
    });
    const updated = { ...retell.started(), event: 'transcript_updated' };
    expect(read(updated)).not.toHaveProperty('unknown');
  });
});

describe('Vapi', () => {
  it('says how far a call is, and at the end everything', () => {
    expect(read(vapi.ringing())).toMatchObject({
      platform: 'vapi',
      callId: '019a4b6c-7d8e-7f90-8a1b-2c3d4e5f6071',
      report: { ...PARTIES, stage: 'ringing', contactName: 'Ida Example' },
    });
    expect(reported(vapi.inProgress()).stage).toBe('answered');
    const ended = reported(vapi.ended());
    expect(ended).toMatchObject({ stage: 'ended', endReason: 'caller_hung_up' });
    expect(ended.final).toBeUndefined();
    expect(reported(vapi.report())).toMatchObject({
      ...PARTIES,
      stage: 'analysed',
      final: true,
      answeredAt: STARTED_AT,
      endedAt: ENDED_AT,
      durationMs: 96_000,
      endReason: 'caller_hung_up',
      said: SAID,
      cost: { model: 0.15, transcription: 0.03, telephony: 0.02, recording: 0, total: 0.2 },
      recordingUrl: 'https://recordings.example/vapi.wav',
      extraction: { summary: SUMMARY, successful: true, outcome: 'APPOINTMENT' },
      outcome: 'APPOINTMENT',
    });
  });

  it.each([
    ['assistant-ended-call', 'agent_hung_up'],
    ['assistant-said-end-call-phrase', 'agent_hung_up'],
    ['assistant-forwarded-call', 'transferred'],
    ['customer-busy', 'busy'],
    ['customer-did-not-answer', 'no_answer'],
    ['customer-ended-call-during-transfer', 'caller_hung_up'],
    ['exceeded-max-duration', 'max_duration'],
    ['silence-timed-out', 'silence'],
    ['voicemail', 'voicemail'],
    ['manually-canceled', 'ended_by_api'],
    ['twilio-failed-to-connect-call', 'dial_failed'],
    ['twilio-reported-customer-misdialed', 'invalid_number'],
    ['phone-call-provider-closed-websocket', 'media_lost'],
    ['pipeline-error-openai-llm-failed', 'model_unavailable'],
    ['call.in-progress.error-vapifault-openai-llm-failed', 'model_unavailable'],
    ['call.start.error-vapi-number-outbound-daily-limit', 'no_capacity'],
    ['call.start.error-get-transport', 'dial_failed'],
    ['call.in-progress.twilio-completed-call', 'caller_hung_up'],
    ['call.ringing.hook-executed-transfer', 'transferred'],
    ['worker-shutdown', 'shutdown'],
    ['something-of-next-year', 'unknown'],
  ])('%s is %s', (endedReason, endReason) => {
    expect(reported(vapi.report({ endedReason })).endReason).toBe(endReason);
  });

  it('of an outbound call names the two numbers the other way round', () => {
    const body = vapi.ringing();
    body.message.call.type = 'outboundPhoneCall';
    expect(reported(body)).toMatchObject({ direction: 'outbound', from: OURS, to: CALLER });
  });

  it('keeps what it does not know, but not every word while it is spoken', () => {
    const hang = vapi.message({ type: 'hang' });
    expect(read(hang)).toMatchObject({ event: 'hang', unknown: { type: 'hang' } });
    expect(read(vapi.message({ type: 'speech-update' }))).not.toHaveProperty('unknown');
  });
});

describe('Bland', () => {
  it('says everything at once, its length in minutes', () => {
    const report = {
      ...PARTIES,
      stage: 'ended',
      final: true,
      answeredAt: STARTED_AT,
      endedAt: ENDED_AT,
      durationMs: 96_000,
      endReason: 'caller_hung_up',
      said: SAID,
      cost: { model: 0.144, transcription: 0, telephony: 0, recording: 0, total: 0.144 },
      extraction: { summary: SUMMARY },
      outcome: 'APPOINTMENT',
    };
    expect(read(bland.postCall()).platform).toBe('bland');
    expect(reported(bland.postCall())).toMatchObject(report);
    expect(reported(bland.postCall({ corrected_duration: undefined }))).toMatchObject(report);
    expect(reported(bland.postCall({ transcripts: [] }))).toMatchObject(report);
  });

  it.each([
    [{ answered_by: 'voicemail' }, 'voicemail', true],
    [{ answered_by: 'no-answer', status: 'no-answer' }, 'no_answer', false],
    [{ answered_by: null, status: 'busy' }, 'busy', false],
    [{ answered_by: null, status: 'failed', error_message: 'SIP 503' }, 'dial_failed', false],
    [{ call_ended_by: 'ASSISTANT' }, 'agent_hung_up', true],
    [{ transferred_to: '+15550100029' }, 'transferred', true],
  ])('%j is %s', (more, endReason, answered) => {
    expect(reported(bland.postCall(more))).toMatchObject({ endReason, answered });
  });

  it('keeps what it tells during a call', () => {
    expect(read(bland.live())).toMatchObject({
      platform: 'bland',
      callId: bland.postCall().call_id,
      event: 'live tool',
      report: { stage: 'told' },
    });
  });
});

describe('ElevenLabs', () => {
  it('says everything after the call, its times in seconds', () => {
    expect(read(elevenlabs.transcription())).toMatchObject({
      platform: 'elevenlabs',
      callId: 'conv_7001',
      event: 'post_call_transcription',
    });
    expect(reported(elevenlabs.transcription())).toMatchObject({
      ...PARTIES,
      stage: 'analysed',
      final: true,
      answeredAt: STARTED_AT,
      endedAt: ENDED_AT,
      durationMs: 96_000,
      endReason: 'caller_hung_up',
      said: SAID,
      metadata: { contactId: 'c21' },
      extraction: { summary: SUMMARY, successful: true, outcome: 'appointment' },
      outcome: 'APPOINTMENT',
    });
  });

  it('says of a call that nobody took why', () => {
    expect(reported(elevenlabs.failure())).toMatchObject({
      stage: 'ended',
      direction: 'outbound',
      from: OURS,
      to: CALLER,
      answered: false,
      endReason: 'no_answer',
    });
  });
});

describe('the simplified shape', () => {
  it.each([
    ['call.initiated', 'initiated'],
    ['call.ringing', 'ringing'],
    ['call.answered', 'answered'],
    ['call.completed', 'ended'],
    ['call.failed', 'ended'],
    ['call.recording_ready', 'recorded'],
    ['call_ended', 'ended'],
    ['end-of-call-report', 'ended'],
    ['call.sang', 'told'],
  ])('%s is %s', (event, stage) => {
    expect(reported(simplified(event)).stage).toBe(stage);
  });

  it('is in seconds', () => {
    const body = simplified('call.completed', {
      duration: 96,
      timestamp: new Date(ENDED_AT).toISOString(),
    });
    expect(reported(body)).toMatchObject({ durationMs: 96_000, endedAt: ENDED_AT, answered: true });
  });

  it('may say what came of a call without an analysis', () => {
    const { outcome, extraction } = reported(simplified('call.completed', { outcome: 'booked' }));
    expect([outcome, extraction]).toEqual(['APPOINTMENT', undefined]);
  });

  it("is read in each platform's words", () => {
    const flat = {
      provider: 'retell',
      event: 'call.completed',
      call_id: 'r1',
      agent_id: 'a1',
      call_status: 'ended',
      end_timestamp: ENDED_AT / 1_000,
      transcript: 'hello',
      metadata: {},
    };
    expect(read(flat)).toMatchObject({ platform: 'retell', callId: 'r1' });
    expect(reported(flat)).toMatchObject({
      endedAt: ENDED_AT,
      agentId: 'a1',
      said: [{ role: null, text: 'hello' }],
    });
    const nested = {
      provider: 'vapi',
      type: 'end-of-call-report',
      call: {
        id: 'v1',
        status: 'ended',
        startedAt: new Date(STARTED_AT).toISOString(),
        endedAt: new Date(ENDED_AT).toISOString(),
        transcript: 'AI: Hello?\nUser: Hi.',
        recordingUrl: 'https://recordings.example/v1.wav',
      },
    };
    expect(read(nested)).toMatchObject({ platform: 'vapi', callId: 'v1' });
    expect(reported(nested)).toMatchObject({
      answeredAt: STARTED_AT,
      durationMs: 96_000,
      recordingUrl: 'https://recordings.example/v1.wav',
      said: [
        { role: 'agent', text: 'Hello?' },
        { role: 'caller', text: 'Hi.' },
      ],
    });
    const short = { provider: 'bland', event_type: 'call_ended', call_id: 'b1', call_length: 96 };
    expect(read(short)).toMatchObject({ platform: 'bland', callId: 'b1' });
    expect(reported(short)).toMatchObject({ durationMs: 96_000 });
  });

  it('of our own name, or of none, is nobody’s', () => {
    expect(read(simplified('call.ringing', { provider: 'Callwire' })).platform).toBe('generic');
    const { provider: _, ...nameless } = simplified('call.ringing');
    expect(read(nameless)).toMatchObject({ platform: null, callId: 'sim_1' });
  });

  it.each([
    [{ status: 'failed' }, 'dial_failed'],
    [{ status: 'busy' }, 'busy'],
    [{ status: 'no-answer' }, 'no_answer'],
    [{ reason: 'voicemail' }, 'voicemail'],
    [{ end_reason: 'customer-ended-call' }, 'caller_hung_up'],
    [{}, 'dial_failed'],
  ])('call.failed with %j is %s', (more, endReason) => {
    expect(reported(simplified('call.failed', more))).toMatchObject({ endReason, answered: false });
  });
});

describe('a body', () => {
  it('whose fields are of other types is read as far as it goes', () => {
    for (const junk of [null, 7, [], {}, 'x', true]) {
      const call = {
        ...retell.ended().call,
        metadata: junk,
        duration_ms: junk,
        transcript_object: junk,
      };
      expect(reported({ event: 'call_ended', call })).toMatchObject({
        stage: 'ended',
        from: CALLER,
      });
      expect(reported(vapi.report({ artifact: junk, analysis: junk, costs: junk })).stage).toBe(
        'analysed',
      );
      expect(reported(bland.postCall({ transcripts: junk, price: junk })).stage).toBe('ended');
      const data = { transcript: junk, analysis: junk };
      expect(reported(elevenlabs.transcription(data)).stage).toBe('analysed');
    }
  });
});
