import { SipCallError, TwirpError } from 'livekit-server-sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Crm } from '../crm/crm.ts';
import { toolContext } from './call_tool_context.ts';
import type { LiveCall } from './live_call.ts';
import { phoneLeft } from './phone_left.ts';
import { CALLER, fakeLiveCall, PROFILE } from './testing/fake_live_call.ts';

const CONTACT = { state: 'ready' as const, contact: { id: 'con_1', name: 'Ada' } };

describe('what a tool may do to its call', () => {
  it('is given by the profile', () => {
    const { call } = fakeLiveCall({
      profile: { ...PROFILE, lookup: 'any', speakFields: ['name', 'accountStatus'] },
      contact: CONTACT,
    });
    expect(toolContext(call)).toMatchObject({
      callId: 'call_1',
      phone: '+15550100001',
      lookup: 'any',
      speakFields: ['name', 'accountStatus'],
    });
    expect(toolContext(call).knownContact()).toBe(CONTACT);
  });

  it('is to write its call, with its events, into the journal', async () => {
    const { call, ledger } = fakeLiveCall();
    await toolContext(call).record({
      toolCallId: 'fc_1',
      name: 'record_intent',
      arguments: {},
      result: {},
      events: [{ id: 'evt_1', type: 'intent.recorded', time: 1, data: { intent: 'sales' } }],
    });
    expect(ledger.appends).toMatchObject([
      { facts: [{ kind: 'tool_call' }, { kind: 'tool_result' }], events: [{ id: 'evt_1' }] },
    ]);
  });

  it('is to ask the CRM of the call, where it has one', async () => {
    const findByPhone: Crm['findByPhone'] = () => Promise.resolve(null);
    const crm = { name: 'fake', findByPhone: vi.fn(findByPhone) };
    const { call } = fakeLiveCall({ crm });
    const { signal } = new AbortController();
    expect(await toolContext(call).findByPhone('+15550100002', signal)).toBeNull();
    expect(crm.findByPhone).toHaveBeenCalledExactlyOnceWith('+15550100002', signal);
    const without = toolContext(fakeLiveCall().call);
    expect(await without.findByPhone('+15550100002', signal)).toBeNull();
  });
});

describe('the job that writes a note', () => {
  it('names the contact in hand, the phone and the tool call', () => {
    const { call } = fakeLiveCall({ contact: CONTACT });
    const job = toolContext(call).noteJob({ text: 'A note.', toolCallId: 'fc_1' });
    expect(job).toEqual({
      id: expect.stringMatching(/^job_/),
      kind: 'crm_write',
      target: 'crm',
      body: {
        operation: 'note',
        id: job.id,
        contactId: 'con_1',
        phone: '+15550100001',
        text: 'A note.',
        toolCallId: 'fc_1',
      },
    });
  });

  // A tool call that was repeated, by the model or after a crash, wrote its note twice.
  it('is the same job for the same tool call, and another for another', () => {
    const { call } = fakeLiveCall();
    const idOf = (toolCallId: string, of: LiveCall = call) =>
      toolContext(of).noteJob({ text: 'A note.', toolCallId }).id;
    expect(idOf('fc_1')).toBe(idOf('fc_1'));
    expect(idOf('fc_2')).not.toBe(idOf('fc_1'));
    const other = fakeLiveCall({ id: 'call_2' }).call;
    expect(idOf('fc_1', other)).not.toBe(idOf('fc_1'));
  });
});

describe('a REFER', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A REFER that has gone out: what was said last has been heard. */
  async function referring(transferSipParticipant: () => Promise<void>) {
    const fake = fakeLiveCall();
    Object.assign(fake.call.livekit, { sip: { transferSipParticipant } });
    const outcome = toolContext(fake.call).refer('tel:+15550100200');
    await vi.advanceTimersByTimeAsync(500);
    return { ...fake, outcome };
  }

  const busy = () =>
    Promise.reject(
      new SipCallError('sip', 'busy', 400, 'resource_exhausted', { sip_status_code: '486' }),
    );

  it('that goes through leaves the end of the call to the tool', async () => {
    const { call, room, outcome } = await referring(() => Promise.resolve());
    expect(call.transfer).toBe('pending');
    await vi.advanceTimersByTimeAsync(700);
    expect(await outcome).toEqual({ outcome: 'confirmed' });
    room.leave(CALLER);
    phoneLeft(call, undefined);
    expect(call.ending.reason).toBeUndefined();
  });

  it('does not go out before the announcement is heard, nor to a caller who hung up then', async () => {
    const transferSipParticipant = vi.fn(() => Promise.resolve());
    const { call, room } = fakeLiveCall();
    Object.assign(call.livekit, { sip: { transferSipParticipant } });
    const outcome = toolContext(call).refer('tel:+15550100200');
    outcome.catch(() => undefined);
    expect(call.transfer).toBeUndefined();
    phoneLeft(call, undefined);
    room.leave(CALLER);
    await expect(outcome).rejects.toMatchObject({ reason: 'caller_hung_up' });
    expect(transferSipParticipant).not.toHaveBeenCalled();
  });

  it('that is refused is over: a phone that leaves afterwards hung up', async () => {
    const { call, outcome } = await referring(busy);
    expect(await outcome).toMatchObject({ outcome: 'failed', sipStatus: 486 });
    phoneLeft(call, undefined);
    expect(call.ending.reason).toBe('caller_hung_up');
  });

  it('that is refused after the phone has left ends the call as the caller’s', async () => {
    const { promise, reject } = Promise.withResolvers<void>();
    const { call, room, outcome } = await referring(() => promise);
    room.leave(CALLER);
    phoneLeft(call, undefined);
    expect(call.ending.reason).toBeUndefined();
    busy().catch(reject);
    await outcome;
    expect(call.ending.reason).toBe('caller_hung_up');
  });

  it('of unknown outcome may still take the phone away', async () => {
    const { call, outcome } = await referring(() =>
      Promise.reject(new TwirpError('twirp', 'late', 408, 'deadline_exceeded')),
    );
    expect(await outcome).toEqual({ outcome: 'unconfirmed', callerGone: false });
    phoneLeft(call, undefined);
    expect(call.ending.reason).toBe('transfer_unconfirmed');
  });
});
