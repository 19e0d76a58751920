import ipaddr from 'ipaddr.js';
import type { InboundWish } from './inbound_trunk.ts';
import { livekitPlace } from './livekit_place.ts';
import type { OutboundWish } from './outbound_trunk.ts';

interface LiveKitLocation {
  livekitUrl: string;
  /** Where livekit-sip of the local stack listens, in case it is the one. */
  localSipPort: number;
  localLivekitPort: number;
}

export interface CarrierInstructionsOptions
  extends Pick<InboundWish, 'numbers' | 'allowedAddresses' | 'username'>,
    LiveKitLocation {}

export interface OutboundInstructionsOptions
  extends Pick<OutboundWish, 'address' | 'transport' | 'username' | 'callerNumber'>,
    LiveKitLocation {}

/** What has to be entered at the carrier so that calls arrive; lines for a terminal. */
export function carrierInstructions(options: CarrierInstructionsOptions): string[] {
  const { numbers, allowedAddresses, username } = options;
  return [
    ...destination(options),
    `Numbers    ${numbers.length > 0 ? numbers.join(', ') : 'any'}, sent as +E.164`,
    `Login      ${username ? `digest: user ${username}, password as in SIP_PASSWORD` : 'none'}`,
    `Addresses  ${
      allowedAddresses.length > 0 ? `only calls from ${allowedAddresses.join(', ')}` : 'any'
    }`,
    'Audio      G.711 (PCMU or PCMA), 20 ms; or G.722',
  ];
}

/**
 * What is wrong with addresses that can never call: the local stack sees calls from this machine
 * only, and a trunk for other addresses refuses all of them. Lines for a terminal; none is well.
 */
export function addressWarning(
  options: Omit<LiveKitLocation, 'localSipPort'> & { allowedAddresses: readonly string[] },
): string[] {
  const { allowedAddresses, livekitUrl, localLivekitPort } = options;
  if (livekitPlace(livekitUrl, localLivekitPort) !== 'local' || allowedAddresses.length === 0)
    return [];
  if (allowedAddresses.some(includesLoopback)) return [];
  return [
    `No call will arrive: SIP_ALLOWED_ADDRESSES (${allowedAddresses.join(', ')}) takes calls from`,
    'there only, and the local stack can be called from this machine only (127.0.0.1). To try it:',
    'SIP_ALLOWED_ADDRESSES=127.0.0.1 npm run sip:setup',
  ];
}

/** IPv4 only: the local stack does not listen on ::1. */
function includesLoopback(address: string): boolean {
  const [network, bits] = address.includes('/')
    ? ipaddr.parseCIDR(address)
    : ([ipaddr.parse(address), 32] as const);
  if (network.kind() !== 'ipv4') return false;
  const loopback = ipaddr.IPv4.parse('127.0.0.0');
  return (network as ipaddr.IPv4).match(loopback, Math.min(bits, 8));
}

/** What the carrier must know, or has said, so that calls go out; lines for a terminal. */
export function outboundInstructions(options: OutboundInstructionsOptions): string[] {
  const { address, transport, username, callerNumber } = options;
  return [
    `Calls to   ${address}, ${transport === 'auto' ? 'UDP' : transport.toUpperCase()}`,
    `From       ${callerNumber}, a number that the carrier lets you call from`,
    `Login      ${username ? `user ${username}, password as in SIP_OUTBOUND_PASSWORD` : 'none: the carrier must know the address of livekit-sip'}`,
    ...source(options),
    'Transfers  work where the carrier carries out SIP REFER ("call transfer"): switch it on there',
  ];
}

function source(place: LiveKitLocation): string[] {
  switch (livekitPlace(place.livekitUrl, place.localLivekitPort)) {
    case 'cloud':
      return ['Addresses  LiveKit Cloud has no fixed ones: use a login at the carrier'];
    case 'local':
      return [
        'Addresses  the local stack reaches this machine only: be called by npm run phone -- answer',
      ];
    default:
      return ['Addresses  calls come from the machine on which livekit-sip runs'];
  }
}

function destination(place: LiveKitLocation): string[] {
  const where = livekitPlace(place.livekitUrl, place.localLivekitPort);
  if (where === 'cloud') {
    // Made from the project's id, which neither the URL nor the API key tells.
    return [
      'SIP URI    sip:<project>.sip.livekit.cloud, shown on the page "Project settings" of',
      '           https://cloud.livekit.io (it is not the name in LIVEKIT_URL)',
      'Transport  TLS or TCP where the carrier can, else UDP: add ;transport=tls or ;transport=tcp',
    ];
  }
  if (where === 'local') {
    return [
      `SIP URI    sip:127.0.0.1:${place.localSipPort}: only this machine reaches the local stack, so`,
      '           a softphone on it can call, a carrier cannot',
      'Transport  UDP or TCP',
    ];
  }
  return [
    `SIP URI    sip:${new URL(place.livekitUrl).hostname}: the machine on which livekit-sip runs, with its sip_port (5060),`,
    '           and its rtp_port range (UDP 10000-20000) open for the carrier',
    'Transport  UDP or TCP; TLS where livekit-sip has a certificate',
  ];
}
