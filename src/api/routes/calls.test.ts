import { describe, expect, it } from 'vitest';
import { draftEvent } from '../../events/catalogue.ts';
import { newId } from '../../ids.ts';
import { type TestApi, testApi } from '../testing/test_api.ts';
import { CALLER, callFrom, endedCall, liveCall, write } from '../testing/written_call.ts';

const REMEDY = 'End it first (POST /v1/calls/{id}/end).';

const call = async (api: TestApi, id: string) => (await api.request('GET', `/v1/calls/${id}`)).body;

describe('a call', () => {
  it('is shown with everything that is known of it', async () => {
    const api = await testApi();
    const id = await endedCall(api.store);
    expect(await call(api, id)).toEqual({
      call: {
        id,
        status: 'ended',
        direction: 'inbound',
        from: CALLER,
        to: '+15550100000',
        agentId: 'receptionist',
        outcome: null,
        answeredBy: null,
        endReason: 'caller_hung_up',
        sipStatus: null,
        durationSeconds: 30,
        transcript: 'Agent: Front desk.\nCaller: Is the flat free?',
        transcriptItems: [
          { role: 'agent', text: 'Front desk.', timestamp: expect.stringMatching(/Z$/) },
          { role: 'caller', text: 'Is the flat free?', timestamp: expect.stringMatching(/Z$/) },
        ],
        extraction: null,
        recordingUrl: null,
        recordingExpiresAt: null,
        costBreakdown: null,
        contact: { id: null, name: null, phone: CALLER },
        metadata: { tenant: 'seven' },
        variables: null,
        provider: 'callwire',
        providerCallId: null,
        gate: null,
        followsCallId: null,
        scheduledFor: null,
        createdAt: expect.stringMatching(/Z$/),
        answeredAt: expect.stringMatching(/Z$/),
        endedAt: expect.stringMatching(/Z$/),
      },
    });
  });

  it('has its cost when it has ended, and what came of it when it is completed', async () => {
    const api = await testApi();
    const id = await liveCall(api.store);
    const usage = { model: 'gpt-realtime', inputTokens: 1_000, inputAudioTokens: 1_000 };
    const time = Date.now() - 29_000;
    await write(api.store, {
      callId: id,
      facts: [{ id: 'fct_1', kind: 'usage', time, data: usage }],
      events: [draftEvent('call.ended', { end_reason: 'caller_hung_up' }, { time })],
    });
    expect((await call(api, id)).call).toMatchObject({
      outcome: null,
      costBreakdown: {
        model: 0.032,
        transcription: 0,
        telephony: 0.0085,
        recording: 0,
        totalCost: 0.0405,
      },
    });
    const extraction = { summary: 'Asks for the flat.', interested: true };
    const completed = draftEvent('call.completed', {
      outcome: 'INTERESTED',
      extraction,
      recording_url: null,
      recording_expires_at: null,
    });
    await write(api.store, { callId: id, events: [completed] });
    expect((await call(api, id)).call).toMatchObject({ outcome: 'INTERESTED', extraction });
  });

  it('that was never answered has the SIP status of its end', async () => {
    const api = await testApi();
    const id = newId('call');
    await write(api.store, {
      callId: id,
      open: callFrom(id, Date.now()),
      events: [
        draftEvent('call.started', {}),
        draftEvent('call.failed', { sip_status: 487, reason: 'caller_hung_up' }),
        draftEvent('call.ended', { end_reason: 'caller_hung_up' }),
      ],
    });
    expect((await call(api, id)).call).toMatchObject({ answeredAt: null, sipStatus: 487 });
  });

  it('can be watched while it goes on', async () => {
    const api = await testApi();
    expect((await call(api, await liveCall(api.store))).call).toMatchObject({
      status: 'active',
      endReason: null,
      endedAt: null,
      durationSeconds: 0,
      transcript: expect.stringContaining('Caller:'),
    });
  });

  it('is listed, newest first, in pages', async () => {
    const api = await testApi();
    const ids = [await endedCall(api.store), await liveCall(api.store), await liveCall(api.store)];
    const first = (await api.request('GET', '/v1/calls?limit=2')).body;
    const second = (await api.request('GET', `/v1/calls?cursor=${first.nextCursor}`)).body;
    const listed = [...first.calls, ...second.calls].map(({ id }) => id);
    expect(listed).toEqual(ids.sort().reverse());
    expect(second.nextCursor).toBeNull();
  });

  it('has its events in order, as they were delivered', async () => {
    const api = await testApi();
    const id = await endedCall(api.store);
    const { events, nextCursor } = (await api.request('GET', `/v1/calls/${id}/events`)).body;
    expect(nextCursor).toBeNull();
    const numbered = events.filter(({ sequence }: { sequence: number | null }) => sequence);
    expect(numbered.map(({ sequence }: { sequence: number }) => sequence)).toEqual([1, 2, 3]);
    const stored = await api.store.listCallEvents(id);
    const bytes = events.map(({ position: _, ...body }: { position: number }) =>
      JSON.stringify(body),
    );
    expect(bytes).toEqual(stored.map(({ body }) => body));
  });

  it('loses what it holds of people for good, and keeps its record', async () => {
    const api = await testApi();
    const id = await endedCall(api.store);
    expect(await api.request('DELETE', `/v1/calls/${id}/content`)).toMatchObject({ status: 204 });
    const shown = await call(api, id);
    expect(shown.call).toMatchObject({ id, from: null, transcript: '', transcriptItems: [] });
    const { body } = await api.request('GET', `/v1/calls/${id}/events`);
    expect(body.events.map(({ event }: { event: string }) => event)).toContain('call.ended');
    for (const answer of [shown, body, (await api.request('GET', '/v1/events')).body]) {
      expect(JSON.stringify(answer)).not.toContain(CALLER);
      expect(JSON.stringify(answer)).not.toContain('flat');
    }
    expect((await api.request('DELETE', `/v1/calls/${id}/content`)).status).toBe(204);
  });

  it('keeps its content while it goes on', async () => {
    const api = await testApi();
    const id = await liveCall(api.store);
    expect(await api.request('DELETE', `/v1/calls/${id}/content`)).toMatchObject({
      status: 409,
      body: { error: { code: 'call_not_ended', message: expect.stringContaining(REMEDY) } },
    });
  });
});

describe('the feed', () => {
  it('gives every event once to whoever goes on from nextCursor', async () => {
    const api = await testApi();
    await endedCall(api.store);
    const seen: number[] = [];
    let after = '0';
    for (let n = 0; n < 6; n++) {
      if (n === 3) await endedCall(api.store);
      const { body } = await api.request('GET', `/v1/events?after=${after}&limit=2`);
      seen.push(...body.events.map(({ position }: { position: number }) => position));
      after = body.nextCursor;
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect((await api.request('GET', `/v1/events?after=${after}`)).body).toEqual({
      events: [],
      nextCursor: after,
    });
  });

  it('can begin with what comes from now on', async () => {
    const api = await testApi();
    expect((await api.request('GET', '/v1/events?after=latest')).body.nextCursor).toBe('0');
    await endedCall(api.store);
    const { body } = await api.request('GET', '/v1/events?after=latest');
    expect(body).toEqual({ events: [], nextCursor: '5' });
  });

  it.each(['-1', 'x', '1e3', '', '99999999999999999'])('refuses after=%s', async (after) => {
    const api = await testApi();
    expect((await api.request('GET', `/v1/events?after=${after}`)).status).toBe(400);
  });
});
