import type { InboundWish } from './provisioning.ts';

export interface CarrierInstructionsOptions
  extends Pick<InboundWish, 'numbers' | 'allowedAddresses' | 'username'> {
  livekitUrl: string;
  /** Where livekit-sip of the local stack listens, in case it is the one. */
  localSipPort: number;
  localLivekitPort: number;
}

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

function destination({
  livekitUrl,
  localLivekitPort,
  localSipPort,
}: CarrierInstructionsOptions): string[] {
  const { hostname } = new URL(livekitUrl);
  if (hostname.endsWith('.livekit.cloud')) {
    // Made from the project's id, which neither the URL nor the API key tells.
    return [
      'SIP URI    sip:<project>.sip.livekit.cloud, shown on the page "Project settings" of',
      '           https://cloud.livekit.io (it is not the name in LIVEKIT_URL)',
      'Transport  TLS or TCP where the carrier can, else UDP: add ;transport=tls or ;transport=tcp',
    ];
  }
  if (isLocalLivekit(livekitUrl, localLivekitPort)) {
    return [
      `SIP URI    sip:127.0.0.1:${localSipPort}: only this machine reaches the local stack, so`,
      '           a softphone on it can call, a carrier cannot',
      'Transport  UDP or TCP',
    ];
  }
  return [
    `SIP URI    sip:${hostname}: the machine on which livekit-sip runs, with its sip_port (5060),`,
    '           and its rtp_port range (UDP 10000-20000) open for the carrier',
    'Transport  UDP or TCP; TLS where livekit-sip has a certificate',
  ];
}

/** Whether this is the LiveKit of the local stack. */
export function isLocalLivekit(url: string, localPort: number): boolean {
  const { hostname, port } = new URL(url);
  return ['127.0.0.1', 'localhost', '[::1]'].includes(hostname) && Number(port) === localPort;
}
