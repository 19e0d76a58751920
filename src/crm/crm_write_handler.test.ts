import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../delivery/job_handler.ts';
import { EVENTS } from '../events/catalogue.ts';
import type { ClaimedJob } from '../store/store.ts';
import type { CrmWrite, CrmWriteResult } from './crm.ts';
import type { CrmWriteBody } from './crm_write_body.ts';
import { CrmWriteHandler } from './crm_write_handler.ts';

const CALL = 'call_made_up';
const NOTE: CrmWriteBody = {
  id: 'job_made_up_1',
  operation: 'note',
  contactId: null,
  phone: '+15550100001',
  text: 'Wants a call.',
  toolCallId: 'tool_1',
};
const ACTIVITY: CrmWriteBody = {
  id: 'job_made_up_2',
  operation: 'activity',
  contactId: 'c-1',
  phone: '+15550100001',
  activity: {
    type: 'call',
    phone: '+15550100001',
    duration_seconds: 3,
    intent: 'sales',
    summary: null,
    transfer_to: null,
  },
};

function claimed(body: { id: string }): ClaimedJob {
  return {
    id: body.id,
    claimId: 'claim',
    kind: 'crm_write',
    target: 'crm',
    attempt: 1,
    refusals: 0,
    callId: CALL,
    createdAt: 1_790_000_000_000,
    event: null,
    body: JSON.parse(JSON.stringify(body)),
  };
}

function handlerAnswering(result: CrmWriteResult): { handler: CrmWriteHandler; seen: CrmWrite[] } {
  const seen: CrmWrite[] = [];
  const writer = {
    name: 'http',
    deduplicates: true,
    write: (write: CrmWrite) => {
      seen.push(write);
      return Promise.resolve(result);
    },
  };
  return { handler: new CrmWriteHandler(writer), seen };
}

const running = new AbortController().signal;
const failed = { ok: false, retryable: true, code: 'status', status: 503 } as const;

describe('a CRM write job', () => {
  it('writes its body, and says so with the tool call and the contact that was made', async () => {
    const { handler, seen } = handlerAnswering({ ok: true, contactId: 'con_new', status: 201 });
    const job = claimed(NOTE);
    const outcome = await handler.attempt(job, running);
    const { toolCallId: _, ...write } = NOTE;
    expect(seen).toEqual([write]);
    expect(outcome).toMatchObject({
      attempt: { status: 201, error: null },
      verdict: { kind: 'success' },
    });
    expect(handler.result(job, outcome, 'done')).toMatchObject({
      callId: CALL,
      events: [
        {
          type: 'crm.updated',
          data: {
            operation: 'note',
            note: 'Wants a call.',
            tool_call_id: 'tool_1',
            contact_id: 'con_new',
          },
        },
      ],
    });
  });

  it('says of an activity only that it was written', async () => {
    const { handler } = handlerAnswering({ ok: true, contactId: 'c-1' });
    const job = claimed(ACTIVITY);
    const outcome = await handler.attempt(job, running);
    expect(handler.result(job, outcome, 'done')?.events?.[0]?.data).toEqual({
      operation: 'activity',
    });
  });

  it('says the same thing under the same id, and its opposite under another', async () => {
    const { handler } = handlerAnswering({ ok: true, contactId: 'c-1' });
    const job = claimed(NOTE);
    const outcome = await handler.attempt(job, running);
    const idAt = (end: 'done' | 'exhausted') => handler.result(job, outcome, end)?.events?.[0]?.id;
    expect(idAt('done')).toMatch(/^evt_[0-9a-z]{26}$/);
    expect(idAt('done')).toBe(idAt('done'));
    expect(idAt('exhausted')).not.toBe(idAt('done'));
  });

  it.each<[CrmWriteResult, AttemptOutcome['verdict']]>([
    [failed, { kind: 'retry' }],
    [
      { ...failed, status: 429, retryAfterMs: 5_000 },
      { kind: 'retry', notBeforeMs: 60_000, retryAfterMs: 5_000 },
    ],
    [
      { ...failed, code: 'timeout', status: null },
      { kind: 'retry', notBeforeMs: 60_000 },
    ],
    [{ ...failed, retryable: false, status: 422 }, { kind: 'final' }],
  ])('answered %j is judged %j', async (result, verdict) => {
    const outcome = await handlerAnswering(result).handler.attempt(claimed(NOTE), running);
    expect(outcome.verdict).toEqual(verdict);
  });

  it('tells the reason once it is given up', async () => {
    const result = { ok: false, retryable: false, code: 'no_contact', status: null } as const;
    const { handler } = handlerAnswering(result);
    const job = claimed(NOTE);
    const outcome = await handler.attempt(job, running);
    expect(handler.result(job, outcome, 'exhausted')?.events).toMatchObject([
      { type: 'crm.update_failed', data: { operation: 'note', error: 'no_contact' } },
    ]);
  });

  it('is given up at once where its body cannot be read', async () => {
    const { handler, seen } = handlerAnswering({ ok: true, contactId: null });
    const job = claimed({ ...NOTE, text: 7 } as unknown as CrmWriteBody);
    const outcome = await handler.attempt(job, running);
    expect(outcome.verdict.kind).toBe('final');
    expect(seen).toEqual([]);
    expect(handler.result(job, outcome, 'exhausted')?.events).toMatchObject([
      { type: 'crm.update_failed', data: { operation: null, error: 'invalid_body' } },
    ]);
  });

  it.each([NOTE, ACTIVITY, { ...NOTE, phone: 7 } as unknown as CrmWriteBody])(
    'says nothing that the catalogue of events does not know: %j',
    async (body) => {
      const { handler } = handlerAnswering({ ...failed, retryable: false });
      const job = claimed(body);
      const outcome = await handler.attempt(job, running);
      for (const [type, end] of [
        ['crm.updated', 'done'],
        ['crm.update_failed', 'exhausted'],
      ] as const) {
        const [event] = handler.result(job, outcome, end)?.events ?? [];
        expect(EVENTS[type].data.strict().parse(event?.data)).toEqual(event?.data);
      }
    },
  );

  it('waits for the next process where this one shuts down', async () => {
    const { handler } = handlerAnswering({ ...failed, code: 'timeout', status: null });
    const outcome = await handler.attempt(claimed(NOTE), AbortSignal.abort());
    expect(outcome.verdict.kind).toBe('hold');
  });

  it('survives a writer that throws', async () => {
    const handler = new CrmWriteHandler({
      name: 'broken',
      deduplicates: false,
      write: () => Promise.reject(new Error('a mistake')),
    });
    const outcome = await handler.attempt(claimed(NOTE), running);
    expect(outcome).toMatchObject({
      attempt: { error: 'unexpected' },
      verdict: { kind: 'retry' },
    });
  });
});
