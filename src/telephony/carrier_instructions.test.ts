import { describe, expect, it } from 'vitest';
import {
  addressWarning,
  type CarrierInstructionsOptions,
  carrierInstructions,
  outboundInstructions,
} from './carrier_instructions.ts';

const told = (options: Partial<CarrierInstructionsOptions>) =>
  carrierInstructions({
    livekitUrl: 'ws://127.0.0.1:7880',
    localLivekitPort: 7880,
    localSipPort: 5060,
    numbers: ['+15550100000'],
    allowedAddresses: [],
    username: undefined,
    ...options,
  }).join('\n');

describe('what a carrier must be told', () => {
  it('is, with LiveKit Cloud, an address that is not in the URL of the project', () => {
    const text = told({ livekitUrl: 'wss://my-project-4711.livekit.cloud' });
    expect(text).toContain('.sip.livekit.cloud');
    expect(text).toContain('Project settings');
    expect(text).not.toContain('my-project-4711');
  });

  it('is the host of a LiveKit of one’s own, and its ports', () => {
    const text = told({ livekitUrl: 'wss://livekit.example.com' });
    expect(text).toContain('sip:livekit.example.com');
    expect(text).toContain('10000-20000');
  });

  it('is, with the local stack, that only a softphone can call', () => {
    expect(told({})).toMatch(/sip:127\.0\.0\.1:5060.*only this machine/);
  });

  it('names numbers, login and addresses as they are set', () => {
    const text = told({ username: 'carrier', allowedAddresses: ['203.0.113.0/24'] });
    expect(text).toContain('+15550100000');
    expect(text).toContain('user carrier');
    expect(text).toContain('203.0.113.0/24');
    expect(told({ numbers: [] })).toMatch(/Numbers +any/);
  });
});

describe('what is to be done at the carrier for calls to phones', () => {
  const toldOf = (livekitUrl: string, username?: string) =>
    outboundInstructions({
      livekitUrl,
      localLivekitPort: 7880,
      localSipPort: 5060,
      address: 'sip.example.com',
      transport: 'tcp',
      username,
      callerNumber: '+15550100000',
    }).join('\n');

  it('names where calls go, what they come from, and that REFER must be allowed', () => {
    const text = toldOf('wss://livekit.example.com', 'my-trunk');
    expect(text).toContain('sip.example.com, TCP');
    expect(text).toContain('+15550100000');
    expect(text).toContain('user my-trunk');
    expect(text).toContain('REFER');
  });

  it('depends on where LiveKit runs', () => {
    expect(toldOf('wss://x.livekit.cloud')).toContain('LiveKit Cloud has no fixed ones');
    expect(toldOf('ws://127.0.0.1:7880')).toContain('npm run phone -- answer');
    expect(toldOf('wss://livekit.example.com')).toContain('machine on which livekit-sip runs');
  });
});

describe('addresses that calls are taken from', () => {
  const warned = (allowedAddresses: string[], livekitUrl = 'ws://127.0.0.1:7880') =>
    addressWarning({ allowedAddresses, livekitUrl, localLivekitPort: 7880 }).join('\n');

  it.each([
    [['203.0.113.10']],
    [['203.0.113.0/24', '2001:db8::/32']],
    [['128.0.0.0/1']],
    [['::1']],
  ])('%j are never seen by the local stack', (addresses) => {
    expect(warned(addresses)).toContain(addresses.join(', '));
    expect(warned(addresses)).toContain('SIP_ALLOWED_ADDRESSES=127.0.0.1 npm run sip:setup');
    expect(warned(addresses, 'ws://localhost:7880')).not.toBe('');
  });

  it.each([
    [[]],
    [['127.0.0.1']],
    [['203.0.113.10', '127.0.0.0/8']],
    [['127.1.2.0/24']],
    [['0.0.0.0/0']],
  ])('%j can be this machine', (addresses) => {
    expect(warned(addresses)).toBe('');
  });

  it('are the carrier’s with a LiveKit that others reach', () => {
    expect(warned(['203.0.113.10'], 'wss://my-project-4711.livekit.cloud')).toBe('');
    expect(warned(['203.0.113.10'], 'ws://127.0.0.1:17880')).toBe('');
  });
});
