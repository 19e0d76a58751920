import { SIPOutboundTrunkInfo, type SipClient } from 'livekit-server-sdk';
import { CallwireError } from '../errors.ts';
import { DEFAULT_NAME, fieldsOf, type Provisioned, theOnly } from './provisioning.ts';
import { explained, outboundRefused } from './provisioning_errors.ts';

/** What calls to phones need in LiveKit: an outbound trunk. */
export interface OutboundWish {
  /** Host or IP address of the carrier's trunk, with `:port` where it is not the usual one. */
  address: string;
  transport: 'auto' | 'udp' | 'tcp' | 'tls';
  username: string | undefined;
  password: string | undefined;
  /** E.164: what calls come from that name no other number. */
  callerNumber: string;
  /**
   * Ours is known by its name, `<name> outbound`. It is the agent's, so that two installations in
   * one LiveKit project do not take each other's trunk. (Default: `callwire`)
   */
  name?: string;
}

const trunkName = (name: string) => `${name} outbound`;

/**
 * Makes the trunk, or changes the one that is there: its id stays, and so does what this does not
 * set (media encryption, a country, headers). Run again it changes nothing. Unlike inbound trunks,
 * outbound ones cannot be in each other's way.
 *
 * @throws `SIP_OUTBOUND_REFUSED`, `SIP_NAME_AMBIGUOUS`, `LIVEKIT_UNREACHABLE`, `LIVEKIT_REFUSED`.
 */
export async function provisionOutbound(sip: SipClient, wish: OutboundWish): Promise<Provisioned> {
  const { name = DEFAULT_NAME } = wish;
  return await explained(async () => {
    const existing = ourTrunk(await sip.listSipOutboundTrunk(), name);
    if (!existing) {
      const wanted = wantedTrunk(wish);
      const { sipTrunkId } = await sip.createSipOutboundTrunk(
        trunkName(name),
        wanted.address,
        wanted.numbers,
        fieldsOf(wanted, ['transport', 'authUsername', 'authPassword', 'includeHeaders']),
      );
      return { id: sipTrunkId, outcome: 'created' };
    }
    const id = existing.sipTrunkId;
    if (isUpToDate(existing, wish)) return { id, outcome: 'unchanged' };
    await sip.updateSipOutboundTrunk(id, changedBy(wish, existing));
    return { id, outcome: 'updated' };
  }, outboundRefused);
}

/** Deletes the trunk of this name and nothing else. Says which there was. */
export async function removeOutbound(
  sip: SipClient,
  { name = DEFAULT_NAME }: { name?: string } = {},
): Promise<string | null> {
  return await explained(async () => {
    const trunk = ourTrunk(await sip.listSipOutboundTrunk(), name);
    if (trunk) await sip.deleteSipTrunk(trunk.sipTrunkId);
    return trunk?.sipTrunkId ?? null;
  });
}

/** The trunk of this name as LiveKit has it, `null` where there is none. */
export async function findOutboundTrunk(
  sip: SipClient,
  { name = DEFAULT_NAME }: { name?: string } = {},
): Promise<SIPOutboundTrunkInfo | null> {
  return await explained(async () => ourTrunk(await sip.listSipOutboundTrunk(), name) ?? null);
}

/**
 * The id of the trunk that calls are dialled through.
 *
 * @throws `SIP_OUTBOUND_TRUNK_MISSING`, `SIP_NAME_AMBIGUOUS`, `LIVEKIT_UNREACHABLE`,
 * `LIVEKIT_REFUSED`.
 */
export async function outboundTrunkId(
  sip: SipClient,
  options: { name?: string } = {},
): Promise<string> {
  const trunk = await findOutboundTrunk(sip, options);
  if (trunk) return trunk.sipTrunkId;
  const name = trunkName(options.name ?? DEFAULT_NAME);
  throw new CallwireError('SIP_OUTBOUND_TRUNK_MISSING', `LiveKit has no trunk "${name}"`, {
    remedy: 'Set SIP_OUTBOUND_ADDRESS and what belongs to it, then run npm run sip:setup.',
  });
}

/** Whether LiveKit's trunk is what the settings say; otherwise sip:setup has to be run again. */
export function isUpToDate(trunk: SIPOutboundTrunkInfo, wish: OutboundWish): boolean {
  return changedBy(wish, trunk).equals(trunk);
}

function changedBy(wish: OutboundWish, trunk: SIPOutboundTrunkInfo): SIPOutboundTrunkInfo {
  return new SIPOutboundTrunkInfo({ ...trunk, ...fieldsOf(wantedTrunk(wish), FIELDS) });
}

const FIELDS = [
  'address',
  'transport',
  'numbers',
  'authUsername',
  'authPassword',
  'includeHeaders',
] as const;

function wantedTrunk(wish: OutboundWish): SIPOutboundTrunkInfo {
  // Its JSON form, because LiveKit's SDK does not export the types of the fields.
  return SIPOutboundTrunkInfo.fromJson({
    address: wish.address,
    transport: `SIP_TRANSPORT_${wish.transport.toUpperCase()}`,
    numbers: [wish.callerNumber],
    authUsername: wish.username ?? '',
    authPassword: wish.password ?? '',
    // The carrier's own ids in its 200 OK reach the call as attributes.
    includeHeaders: 'SIP_X_HEADERS',
  });
}

function ourTrunk(
  trunks: readonly SIPOutboundTrunkInfo[],
  name: string,
): SIPOutboundTrunkInfo | undefined {
  return theOnly(
    trunks.filter((trunk) => trunk.name === trunkName(name)),
    `outbound trunks have the name "${trunkName(name)}"`,
    (trunk) => trunk.sipTrunkId,
  );
}
