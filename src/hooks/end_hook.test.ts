import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Profile, profileFrom } from '../config/profile.ts';
import { profileSchema } from '../config/profile_schema.ts';
import { createEventComposer } from '../events/composer.ts';
import { verifyStandard, verifyVeevo } from '../events/signatures.ts';
import type { CallRecord, ClaimedJob, FactDraft, StoredEvent } from '../store/store.ts';
import { EndHookHandler } from './end_hook.ts';
import { type BackendServer, backendServer, sendJson } from './testing/backend_server.ts';

const SECRET = 'a-made-up-secret-of-a-backend';

const CALL = {
  id: 'call_1',
  direction: 'inbound',
  from: '+15550100001',
  to: '+15550100000',
  agentId: 'desk',
  createdAt: 1_760_000_000_000,
  endedAt: 1_760_000_099_000,
} as CallRecord;

const event = (type: string, data: object, time = 0): StoredEvent =>
  ({ type, time, body: JSON.stringify({ data }) }) as StoredEvent;
const EVENTS = [
  event('call.started', {}),
  event('transcript.final', { role: 'agent', text: 'Hello' }),
  event('transcript.final', { role: 'caller', text: 'Hi' }),
  event(
    'call.ended',
    {
      duration_seconds: 96,
      cost: { model: 0.2, transcription: 0.1, telephony: 0.01, recording: 0, total: 0.31 },
    },
    1_760_000_099_000,
  ),
];

const fact = (data: Record<string, unknown>): FactDraft => ({
  id: 'f',
  kind: 'hook',
  time: 0,
  data,
});

describe('the job of an end hook', () => {
  const jobs = (facts: FactDraft[]) =>
    createEventComposer()
      .jobsFor({
        draft: { id: 'evt_1', type: 'call.ended', time: 0, data: {} },
        call: { ...CALL, contact: { id: null, name: null, phone: null }, answeredAt: null },
        history: { events: [], facts },
      })
      .filter(({ kind }) => kind === 'end_hook');

  it('is made with the end of each call that a start hook was asked about, answered or not', () => {
    expect(jobs([fact({ end: true }), fact({ metadata: { customer: 7 } })])).toEqual([
      {
        id: expect.stringMatching(/^job_/),
        kind: 'end_hook',
        target: 'hook:desk',
        body: { eventId: 'evt_1', metadata: { customer: 7 } },
      },
    ]);
    expect(jobs([fact({ end: true })])[0]?.body.metadata).toEqual({});
  });

  it('is not made where there is none to be told', () => {
    expect(jobs([])).toEqual([]);
    expect(jobs([fact({ end: false }), fact({ metadata: { customer: 7 } })])).toEqual([]);
  });
});

describe('an end hook', () => {
  let backend: BackendServer;
  let status = 200;
  let profile: Profile | null;
  let env: NodeJS.ProcessEnv;
  beforeEach(async () => {
    status = 200;
    env = { DESK_SECRET: SECRET };
    backend = await backendServer((response) => sendJson(response, { ok: true }, status));
    profile = profileFrom(
      'desk',
      profileSchema.parse({
        name: 'Desk',
        prompt: 'x',
        hooks: {
          on_call_start: `${backend.url}/start`,
          on_call_end: `${backend.url}/end`,
          secret_env: 'DESK_SECRET',
        },
      }),
    );
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  const job: ClaimedJob = {
    id: 'job_1',
    claimId: 'c',
    kind: 'end_hook',
    target: 'hook:desk',
    attempt: 12,
    refusals: 0,
    callId: 'call_1',
    createdAt: 1_760_000_100_000,
    event: null,
    body: { eventId: 'evt_1', metadata: { customerId: 'cust_123' } },
  };
  const attempt = async (one: ClaimedJob = job, call: CallRecord | null = CALL) => {
    const handler = new EndHookHandler({
      store: {
        getCall: () => Promise.resolve(call),
        listCallEvents: () => Promise.resolve(EVENTS),
      },
      profileOf: (id) => (id === 'desk' ? profile : null),
      secrets: { webhookSecret: undefined, env },
    });
    try {
      const outcome = await handler.attempt(one, new AbortController().signal);
      return { outcome, result: handler.result(one, outcome, 'exhausted') };
    } finally {
      await handler.close();
    }
  };

  it('is told of the call, signed', async () => {
    expect((await attempt()).outcome.verdict).toEqual({ kind: 'success' });
    const [asked] = backend.asked;
    expect(asked?.path).toBe('/end');
    expect(asked?.body).toEqual({
      callSid: 'call_1',
      callerNumber: '+15550100001',
      calledNumber: '+15550100000',
      durationSeconds: 96,
      transcript: [
        { role: 'assistant', text: 'Hello' },
        { role: 'user', text: 'Hi' },
      ],
      costBreakdown: {
        model: 0.2,
        transcription: 0.1,
        telephony: 0.01,
        recording: 0,
        totalCost: 0.31,
      },
      metadata: { customerId: 'cust_123' },
      timestamp: '2025-10-09T08:54:59.000Z',
    });
    const signed = { headers: asked?.headers ?? {}, body: asked?.raw ?? '', secrets: [SECRET] };
    expect([verifyVeevo(signed), verifyStandard(signed)]).toEqual(['valid', 'valid']);
    expect(asked?.headers['x-webhook-delivery-id']).toBe('job_1');
  });

  it('has the same message id at each attempt, and at a replay', async () => {
    await attempt();
    await attempt({ ...job, id: 'job_2', createdAt: job.createdAt + 5_000 });
    const [first, second] = backend.asked.map(({ headers }) => headers['webhook-id']);
    expect(first).toMatch(/^msg_/);
    expect(second).toBe(first);
  });

  it.each([401, 410, 500])(
    'that answers %i is asked again, until it is given up',
    async (refusal) => {
      status = refusal;
      const { outcome, result } = await attempt();
      expect(outcome).toMatchObject({
        attempt: { status: refusal, error: 'status' },
        verdict: { kind: 'retry' },
      });
      expect(result).toMatchObject({
        callId: null,
        events: [
          {
            type: 'delivery.exhausted',
            data: {
              endpoint_id: 'hook:desk',
              event_id: 'evt_1',
              last_status: refusal,
              attempts: 12,
            },
          },
        ],
      });
    },
  );

  it('waits for its secret, and for a store that can be read', async () => {
    env = {};
    expect((await attempt()).outcome.verdict.kind).toBe('hold');
    expect(backend.asked).toEqual([]);
  });

  it('is none any more where its agent has none, or its call is gone', async () => {
    expect((await attempt(job, null)).outcome).toMatchObject({ verdict: { kind: 'final' } });
    expect((await attempt({ ...job, body: {} })).outcome.verdict.kind).toBe('final');
    profile = null;
    expect((await attempt()).outcome.attempt.error).toBe('unknown_endpoint');
  });
});
