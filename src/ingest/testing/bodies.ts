/*
 * Webhooks as the platforms document them, with made-up people. All are of one phone call of 96 s, from
 * +15550100021 to +15550100020, in which a date is agreed.
 */

export const CALLER = '+15550100021';
export const OURS = '+15550100020';
export const STARTED_AT = Date.UTC(2026, 10, 2, 9, 0, 0);
export const ENDED_AT = STARTED_AT + 96_000;

/** Made up; planted where platforms really send such things. */
export const CREDENTIAL = 'PLANTED_f3c1b7d09a_credential';

const AGENT_SAYS = 'Good morning, Harbour Dental. What can I do for you?';
const CALLER_SAYS = 'I would like to come on Thursday.';
export const TRANSCRIPT = `Agent: ${AGENT_SAYS}\nCaller: ${CALLER_SAYS}`;

// biome-ignore lint/suspicious/noExplicitAny: tests change what they like in them
type Body = Record<string, any>;

const iso = (ms: number) => new Date(ms).toISOString();

export function retellCall(more: Body = {}): Body {
  return {
    call_id: 'call_0a1b2c3d4e5f60718293a4b5c6d7e8f9',
    call_type: 'phone_call',
    call_status: 'ongoing',
    agent_id: 'agent_harbour_dental',
    direction: 'inbound',
    from_number: CALLER,
    to_number: OURS,
    metadata: { contactId: 'c21' },
    start_timestamp: STARTED_AT,
    access_token: CREDENTIAL,
    ...more,
  };
}

const RETELL_END = {
  call_status: 'ended',
  end_timestamp: ENDED_AT,
  duration_ms: 96_000,
  disconnection_reason: 'user_hangup',
  transcript: `Agent: ${AGENT_SAYS}\nUser: ${CALLER_SAYS}\n`,
  transcript_object: [
    { role: 'agent', content: AGENT_SAYS, words: [{ word: 'Good', start: 0.5, end: 0.8 }] },
    { role: 'user', content: CALLER_SAYS, words: [{ word: 'I', start: 4, end: 4.1 }] },
  ],
  recording_url: 'https://recordings.example/retell.wav',
  call_cost: {
    combined_cost: 20,
    product_costs: [
      { product: 'retell_voice_engine', cost: 17.6 },
      { product: 'us_telephony', cost: 2.4 },
    ],
  },
};

export const retell = {
  started: (): Body => ({ event: 'call_started', call: retellCall() }),
  ended: (more: Body = {}): Body => ({
    event: 'call_ended',
    call: retellCall({ ...RETELL_END, ...more }),
  }),
  analyzed: (): Body => ({
    event: 'call_analyzed',
    call: retellCall({
      ...RETELL_END,
      call_analysis: {
        call_summary: 'The caller comes on Thursday.',
        user_sentiment: 'Positive',
        call_successful: true,
        in_voicemail: false,
        custom_analysis_data: { outcome: 'appointment', api_token: CREDENTIAL },
      },
    }),
  }),
  inbound: (): Body => ({
    event: 'call_inbound',
    call_inbound: { agent_id: 'agent_harbour_dental', from_number: CALLER, to_number: OURS },
  }),
  customFunction: (args: Body = {}): Body => ({ name: 'lookup_crm', call: retellCall(), args }),
};

function vapiMessage(message: Body): Body {
  return {
    message: {
      timestamp: STARTED_AT + 1_000,
      phoneNumber: {
        id: 'b7e0c1d2-0000-4000-8000-00000000000a',
        provider: 'twilio',
        number: OURS,
        twilioAccountSid: 'AC11112222333344445555666677778888',
        twilioAuthToken: CREDENTIAL,
      },
      customer: { number: CALLER, name: 'Ida Example' },
      assistant: { name: 'Front desk', server: { headers: { 'X-Key': CREDENTIAL } } },
      call: {
        id: '019a4b6c-7d8e-7f90-8a1b-2c3d4e5f6071',
        type: 'inboundPhoneCall',
        createdAt: iso(STARTED_AT - 4_000),
        assistantId: 'a5515747-0000-4000-8000-00000000000b',
        customer: { number: CALLER },
        monitor: { controlUrl: `https://monitor.example/${CREDENTIAL}` },
        metadata: { contactId: 'c21', apiKey: CREDENTIAL },
      },
      ...message,
    },
  };
}

export const vapi = {
  message: vapiMessage,
  ringing: () =>
    vapiMessage({ type: 'status-update', status: 'ringing', timestamp: STARTED_AT - 3_000 }),
  inProgress: () => vapiMessage({ type: 'status-update', status: 'in-progress' }),
  ended: () =>
    vapiMessage({
      type: 'status-update',
      status: 'ended',
      endedReason: 'customer-ended-call',
      timestamp: ENDED_AT,
    }),
  report: (more: Body = {}) =>
    vapiMessage({
      type: 'end-of-call-report',
      endedReason: 'customer-ended-call',
      timestamp: ENDED_AT + 5_000,
      startedAt: iso(STARTED_AT),
      endedAt: iso(ENDED_AT),
      cost: 0.2,
      costs: [
        { type: 'transport', cost: 0.02 },
        { type: 'transcriber', cost: 0.03 },
        { type: 'model', cost: 0.05 },
        { type: 'vapi', cost: 0.1 },
      ],
      analysis: {
        summary: 'The caller comes on Thursday.',
        successEvaluation: 'true',
        structuredData: { outcome: 'APPOINTMENT' },
      },
      artifact: {
        messages: [
          { role: 'system', message: 'You are the front desk.', time: STARTED_AT },
          { role: 'bot', message: AGENT_SAYS, time: STARTED_AT + 500 },
          { role: 'user', message: CALLER_SAYS, time: STARTED_AT + 4_000 },
          { role: 'tool_calls', message: '', time: STARTED_AT + 5_000 },
        ],
        recordingUrl: 'https://recordings.example/vapi.wav',
      },
      ...more,
    }),
  toolCalls: (args: unknown = {}, name = 'lookup_crm') =>
    vapiMessage({
      type: 'tool-calls',
      toolCallList: [{ id: 'tc_1', type: 'function', function: { name, arguments: args } }],
    }),
  functionCall: () =>
    vapiMessage({ type: 'function-call', functionCall: { name: 'lookup_crm', parameters: {} } }),
  assistantRequest: () => vapiMessage({ type: 'assistant-request' }),
};

export const bland = {
  postCall: (more: Body = {}): Body => ({
    call_id: '6a7b8c9d-0000-4000-8000-00000000000c',
    c_id: '6a7b8c9d-0000-4000-8000-00000000000c',
    call_length: 1.6,
    corrected_duration: '96',
    to: OURS,
    from: CALLER,
    inbound: true,
    completed: true,
    queue_status: 'complete',
    status: 'completed',
    created_at: iso(STARTED_AT - 2_000),
    started_at: iso(STARTED_AT),
    end_at: iso(ENDED_AT),
    answered_by: 'human',
    call_ended_by: 'USER',
    recording_url: 'https://recordings.example/bland.wav',
    price: 0.144,
    summary: 'The caller comes on Thursday.',
    disposition_tag: 'APPOINTMENT_SET',
    metadata: { contactId: 'c21' },
    request_data: { phone_number: CALLER, encrypted_key: CREDENTIAL, auth_token: CREDENTIAL },
    variables: { api_key: CREDENTIAL },
    concatenated_transcript: `assistant: ${AGENT_SAYS} \n user: ${CALLER_SAYS} `,
    transcripts: [
      { id: 1, user: 'assistant', text: AGENT_SAYS, created_at: iso(STARTED_AT + 500) },
      { id: 2, user: 'user', text: CALLER_SAYS, created_at: iso(STARTED_AT + 4_000) },
    ],
    ...more,
  }),
  live: (): Body => ({
    call_id: '6a7b8c9d-0000-4000-8000-00000000000c',
    category: 'tool',
    message: 'a tool was called',
    authorization: CREDENTIAL,
  }),
};

export const elevenlabs = {
  transcription: (more: Body = {}): Body => ({
    type: 'post_call_transcription',
    event_timestamp: Math.round(ENDED_AT / 1_000) + 4,
    data: {
      agent_id: 'agent_7001',
      conversation_id: 'conv_7001',
      status: 'done',
      transcript: [
        { role: 'agent', message: AGENT_SAYS, time_in_call_secs: 0 },
        { role: 'user', message: CALLER_SAYS, time_in_call_secs: 4 },
      ],
      metadata: {
        start_time_unix_secs: STARTED_AT / 1_000,
        call_duration_secs: 96,
        cost: 512,
        termination_reason: 'Call ended by remote party',
        phone_call: {
          type: 'twilio',
          direction: 'inbound',
          agent_number: OURS,
          external_number: CALLER,
        },
      },
      analysis: {
        call_successful: 'success',
        transcript_summary: 'The caller comes on Thursday.',
        data_collection_results: { outcome: { value: 'appointment', rationale: 'Thursday' } },
      },
      conversation_initiation_client_data: {
        dynamic_variables: { contactId: 'c21', secret__login: CREDENTIAL, system__call_sid: 'CA1' },
      },
      ...more,
    },
  }),
  failure: (): Body => ({
    type: 'call_initiation_failure',
    event_timestamp: Math.round(ENDED_AT / 1_000),
    data: {
      agent_id: 'agent_7001',
      conversation_id: 'conv_7002',
      failure_reason: 'no-answer',
      metadata: { type: 'twilio', body: { From: OURS, To: CALLER, AuthToken: CREDENTIAL } },
    },
  }),
  initiation: (): Body => ({
    caller_id: CALLER,
    called_number: OURS,
    agent_id: 'agent_7001',
    call_sid: 'CA7001',
  }),
};

/** The simplified shape, of a platform that has no name here. */
export function simplified(event: string, more: Body = {}): Body {
  return {
    callId: 'sim_1',
    provider: 'harbour-glue',
    event,
    from: CALLER,
    to: OURS,
    metadata: { contactId: 'c21', agentId: 'front-desk' },
    ...more,
  };
}

/** All that is told of one call in that shape. */
export const SIMPLIFIED_STORY: readonly Body[] = [
  simplified('call.initiated', { timestamp: iso(STARTED_AT - 9_000) }),
  simplified('call.ringing', { timestamp: iso(STARTED_AT - 6_000) }),
  simplified('call.answered', { timestamp: iso(STARTED_AT) }),
  simplified('call.completed', {
    timestamp: iso(ENDED_AT),
    duration: 96,
    status: 'completed',
    transcript: TRANSCRIPT,
    metadata: { contactId: 'c21', agentId: 'front-desk', password: CREDENTIAL },
  }),
  simplified('call.recording_ready', {
    timestamp: iso(ENDED_AT + 2_000),
    recording_url: 'https://recordings.example/glue.wav',
  }),
];
