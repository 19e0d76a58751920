import { describe, expect, it } from 'vitest';
import { type InboundWish, provisionInbound } from './inbound_trunk.ts';
import { livekitApi } from './livekit_api.ts';

// What LiveKit makes of it is in test/sip_setup.test.ts, on a real one.
describe('an inbound trunk', () => {
  const { sip } = livekitApi({
    url: 'ws://127.0.0.1:1', // where nobody listens
    apiKey: 'APItest',
    apiSecret: 'a-made-up-secret',
  });
  const open: InboundWish = {
    numbers: ['+15550109000'],
    allowedAddresses: [],
    username: undefined,
    password: undefined,
    agentName: 'callwire',
  };

  it.each([
    ['neither addresses nor login', {}],
    ['the network of everybody', { allowedAddresses: ['198.51.100.1', '0.0.0.0/0'] }],
    ['a user without a password', { username: 'carrier' }],
  ])('is refused with %s', async (_, wish) => {
    await expect(provisionInbound(sip, { ...open, ...wish })).rejects.toMatchObject({
      code: 'SIP_TRUNK_OPEN',
    });
  });

  it('that is open on purpose must name its numbers', async () => {
    await expect(provisionInbound(sip, { ...open, open: true, numbers: [] })).rejects.toMatchObject(
      { code: 'SIP_NUMBERS_MISSING' },
    );
  });

  it('says that LiveKit does not answer, and that trying again may help', async () => {
    await expect(provisionInbound(sip, { ...open, open: true })).rejects.toMatchObject({
      code: 'LIVEKIT_UNREACHABLE',
      retryable: true,
      remedy: expect.stringContaining('npm run stack'),
    });
  });
});
