import { SipCallError, type SipClient } from 'livekit-server-sdk';
import { describe, expect, it } from 'vitest';
import { forwardCall } from './forward_call.ts';
import { CALLER, fakeLiveCall } from './testing/fake_live_call.ts';

const TO = 'tel:+15550100200';

/** A phone that rings, and is answered as soon as somebody publishes. */
function ringing(transferSipParticipant: SipClient['transferSipParticipant']) {
  const fake = fakeLiveCall();
  const { call } = fake;
  delete call.answeredAt;
  Object.assign(call.livekit, { sip: { transferSipParticipant } });
  const reasons: string[] = [];
  call.ending.onEnd((reason) => {
    reasons.push(reason);
    return Promise.resolve();
  });
  const published: string[] = [];
  Object.assign(fake.room, {
    localParticipant: {
      publishTrack: () => {
        published.push('silence');
        fake.room.change(CALLER, { 'sip.callStatus': 'active' });
        return Promise.resolve({});
      },
    },
  });
  return { ...fake, reasons, published };
}

describe('a call that is forwarded while it rings', () => {
  it('is answered by silence, sent on, and ends as forwarded', async () => {
    const asked: unknown[] = [];
    const { call, ledger, reasons, published } = ringing((_room, identity, to) => {
      asked.push({ identity, to, answered: call.answeredAt !== undefined });
      return Promise.resolve();
    });
    await forwardCall(call, TO);
    expect(published).toEqual(['silence']);
    expect(asked).toEqual([{ identity: CALLER, to: TO, answered: true }]);
    expect(ledger.events.map(({ type, data }) => ({ type, data }))).toEqual([
      { type: 'call.answered', data: expect.anything() },
      { type: 'call.transferred', data: { destination: TO, outcome: 'confirmed' } },
    ]);
    expect(reasons).toEqual(['forwarded']);
  });

  it('ends as an error where the target refuses it, and the record says how', async () => {
    const { call, ledger, reasons } = ringing(() => {
      const metadata = { sip_status_code: '486', sip_status: 'Busy Here' };
      return Promise.reject(new SipCallError('sip', 'refused', 400, 'busy', metadata));
    });
    await forwardCall(call, TO);
    expect(ledger.events.at(-1)).toMatchObject({
      type: 'call.transfer_failed',
      data: { destination: TO, sip_status: 486, reason: 'Busy Here' },
    });
    expect(reasons).toEqual(['error']);
  });

  it('is sent nowhere when the caller hangs up first', async () => {
    const { call, reasons } = ringing(() => Promise.reject(new Error('never asked')));
    void call.ending.end('caller_hung_up');
    await expect(forwardCall(call, TO)).rejects.toThrow('the call has ended');
    expect(reasons).toEqual(['caller_hung_up']);
  });
});
