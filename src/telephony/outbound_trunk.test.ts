import { SIPOutboundTrunkInfo, type SipClient, TwirpError } from 'livekit-server-sdk';
import { describe, expect, it } from 'vitest';
import { livekitApi } from './livekit_api.ts';
import { findOutboundTrunk, outboundTrunkId, provisionOutbound } from './outbound_trunk.ts';

// What LiveKit makes of it is in test/sip_setup.test.ts, on a real one.

const WISH = {
  address: 'sip.example.com',
  transport: 'auto',
  username: undefined,
  password: undefined,
  callerNumber: '+15550100000',
} as const;

function having(...names: string[]): SipClient {
  const trunks = names.map(
    (name, index) => new SIPOutboundTrunkInfo({ name, sipTrunkId: `ST_${index}` }),
  );
  return { listSipOutboundTrunk: () => Promise.resolve(trunks) } as unknown as SipClient;
}

describe('the trunk that calls are dialled through', () => {
  it('is the one with our name', async () => {
    const sip = having('theirs', 'callwire outbound', 'staging outbound');
    expect(await outboundTrunkId(sip)).toBe('ST_1');
    expect(await outboundTrunkId(sip, { name: 'staging' })).toBe('ST_2');
  });

  it('is missed with a remedy', async () => {
    expect(await findOutboundTrunk(having('theirs'))).toBeNull();
    await expect(outboundTrunkId(having('theirs'))).rejects.toMatchObject({
      code: 'SIP_OUTBOUND_TRUNK_MISSING',
      remedy: expect.stringContaining('npm run sip:setup'),
    });
  });

  it('is not guessed among several', async () => {
    const sip = having('callwire outbound', 'callwire outbound');
    await expect(outboundTrunkId(sip)).rejects.toMatchObject({
      code: 'SIP_NAME_AMBIGUOUS',
      message: expect.stringContaining('ST_0, ST_1'),
    });
  });
});

describe('an outbound trunk that cannot be made', () => {
  it('because LiveKit does not want it', async () => {
    const sip = {
      listSipOutboundTrunk: () => Promise.resolve([]),
      createSipOutboundTrunk: () =>
        Promise.reject(new TwirpError('twirp', 'no', 400, 'invalid_argument')),
    } as unknown as SipClient;
    await expect(provisionOutbound(sip, WISH)).rejects.toMatchObject({
      code: 'SIP_OUTBOUND_REFUSED',
      remedy: expect.stringContaining('SIP_OUTBOUND_ADDRESS'),
    });
  });

  it('because LiveKit does not answer', async () => {
    const { sip } = livekitApi({
      url: 'ws://127.0.0.1:1', // where nobody listens
      apiKey: 'APItest',
      apiSecret: 'a-made-up-secret',
    });
    await expect(provisionOutbound(sip, WISH)).rejects.toMatchObject({
      code: 'LIVEKIT_UNREACHABLE',
      retryable: true,
    });
  });
});
