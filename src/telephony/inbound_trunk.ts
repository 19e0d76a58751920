import { SIPDispatchRuleInfo, SIPInboundTrunkInfo, type SipClient } from 'livekit-server-sdk';
import { CallwireError } from '../errors.ts';
import { DEFAULT_NAME, fieldsOf, type Provisioned, theOnly } from './provisioning.ts';
import { explained, inboundRefused, numbersConflict } from './provisioning_errors.ts';

/** What calls to the numbers need in LiveKit: an inbound trunk and a rule that dispatches them. */
export interface InboundWish {
  /** E.164; none = every number that the carrier sends here. */
  numbers: readonly string[];
  /** Where the carrier calls from: IP addresses and CIDR networks. */
  allowedAddresses: readonly string[];
  username: string | undefined;
  password: string | undefined;
  /** The worker's name in LiveKit. */
  agentName: string;
  /** Take calls from anyone who finds the port. (Default: refuse such a trunk) */
  open?: boolean;
  /** Ours are known by their names, `<name> inbound` and `<name>`. (Default: `callwire`) */
  name?: string;
}

export interface InboundReport {
  trunk: Provisioned;
  rule: Provisioned;
}

const trunkName = (name: string) => `${name} inbound`;

/** Begins the names of rooms of inbound calls. */
const ROOM_PREFIX = 'call';

/**
 * A phone rings this long while nobody has taken the call (default: 3 min), then the carrier hears
 * 486 and can send it elsewhere. Carriers give up themselves after 20 to 60 s.
 */
const RINGING_TIMEOUT = '25s';

/**
 * Makes trunk and rule, or changes those that are there: their ids stay, so that what a carrier or
 * a report knows stays true, and what this does not set (a Krisp filter, a maximum duration) stays
 * as it was set elsewhere. Run again it changes nothing.
 *
 * @throws `SIP_TRUNK_OPEN`, `SIP_NUMBERS_MISSING`, `SIP_TRUNK_CONFLICT`, `SIP_NAME_AMBIGUOUS`,
 * `LIVEKIT_UNREACHABLE`, `LIVEKIT_REFUSED`.
 */
export async function provisionInbound(sip: SipClient, wish: InboundWish): Promise<InboundReport> {
  checkWish(wish);
  return await explained(async () => {
    const trunk = await provisionTrunk(sip, wish);
    const rule = await provisionRule(sip, wish, trunk.id);
    return { trunk, rule };
  }, inboundRefused);
}

/** Deletes trunk and rule of this name and nothing else. Says which there were. */
export async function removeInbound(
  sip: SipClient,
  { name = DEFAULT_NAME }: { name?: string } = {},
): Promise<{ trunk: string | null; rule: string | null }> {
  return await explained(async () => {
    const trunk = ourTrunk(await sip.listSipInboundTrunk(), name);
    const rule = ourRule(await sip.listSipDispatchRule(), name);
    if (rule) await sip.deleteSipDispatchRule(rule.sipDispatchRuleId);
    if (trunk) await sip.deleteSipTrunk(trunk.sipTrunkId);
    return { trunk: trunk?.sipTrunkId ?? null, rule: rule?.sipDispatchRuleId ?? null };
  }, inboundRefused);
}

/** How calls come in, as LiveKit has it. */
export interface InboundFound {
  /** Of our name. */
  trunk: SIPInboundTrunkInfo | null;
  /** Of our name. */
  rule: SIPDispatchRuleInfo | null;
  /** Other rules that dispatch calls to the agent. */
  othersRules: SIPDispatchRuleInfo[];
}

/** @throws `SIP_NAME_AMBIGUOUS`, `LIVEKIT_UNREACHABLE`, `LIVEKIT_REFUSED`. */
export async function findInbound(
  sip: SipClient,
  { agentName, name = DEFAULT_NAME }: { agentName: string; name?: string },
): Promise<InboundFound> {
  return await explained(async () => {
    const rules = await sip.listSipDispatchRule();
    const rule = ourRule(rules, name) ?? null;
    const othersRules = rules.filter(
      (one) =>
        one !== rule && one.roomConfig?.agents.some((agent) => agent.agentName === agentName),
    );
    const trunk = ourTrunk(await sip.listSipInboundTrunk(), name) ?? null;
    return { trunk, rule, othersRules };
  });
}

/** Whether trunk and rule are what the settings say; otherwise sip:setup has to be run again. */
export function isInboundUpToDate({ trunk, rule }: InboundFound, wish: InboundWish): boolean {
  if (!trunk || !rule) return false;
  return (
    trunkChangedBy(wish, trunk).equals(trunk) &&
    ruleChangedBy(wish, trunk.sipTrunkId, rule).equals(rule)
  );
}

/** Whether anyone can call through it; a network of everybody is no restriction. */
export function isOpen({
  allowedAddresses,
  username,
  password,
}: Pick<InboundWish, 'allowedAddresses' | 'username' | 'password'>): boolean {
  const restricted =
    allowedAddresses.length > 0 && !allowedAddresses.some((address) => address.endsWith('/0'));
  return !restricted && !(username && password);
}

function checkWish(wish: InboundWish): void {
  if (!isOpen(wish)) return;
  if (!wish.open) {
    throw new CallwireError(
      'SIP_TRUNK_OPEN',
      'Anyone on the internet could call through a trunk without addresses or login',
      {
        remedy:
          'Set SIP_ALLOWED_ADDRESSES to the addresses your carrier calls from, or SIP_USERNAME and ' +
          'SIP_PASSWORD, or both. If it shall be open (the local stack only listens on this ' +
          'machine): npm run sip:setup -- --open',
      },
    );
  }
  if (wish.numbers.length === 0) {
    throw new CallwireError(
      'SIP_NUMBERS_MISSING',
      'LiveKit refuses an open trunk that takes calls to every number',
      { remedy: 'Set SIP_NUMBERS to the numbers that shall be answered.' },
    );
  }
}

async function provisionTrunk(sip: SipClient, wish: InboundWish): Promise<Provisioned> {
  const name = wish.name ?? DEFAULT_NAME;
  const trunks = await sip.listSipInboundTrunk();
  const existing = ourTrunk(trunks, name);
  const conflict = trunks.find((trunk) => trunk !== existing && conflicts(trunk, wish.numbers));
  if (conflict) throw numbersConflict(conflict);

  if (!existing) {
    const wanted = wantedTrunk(wish);
    const created = await sip.createSipInboundTrunk(trunkName(name), wanted.numbers, {
      allowedAddresses: wanted.allowedAddresses,
      authUsername: wanted.authUsername,
      authPassword: wanted.authPassword,
      includeHeaders: wanted.includeHeaders,
      ringingTimeout: Number(wanted.ringingTimeout?.seconds),
    });
    return { id: created.sipTrunkId, outcome: 'created' };
  }

  const id = existing.sipTrunkId;
  const changed = trunkChangedBy(wish, existing);
  if (changed.equals(existing)) return { id, outcome: 'unchanged' };
  await sip.updateSipInboundTrunk(id, changed);
  return { id, outcome: 'updated' };
}

async function provisionRule(
  sip: SipClient,
  wish: InboundWish,
  trunkId: string,
): Promise<Provisioned> {
  const name = wish.name ?? DEFAULT_NAME;
  const existing = ourRule(await sip.listSipDispatchRule(), name);

  if (!existing) {
    const wanted = wantedRule(wish, trunkId);
    const created = await sip.createSipDispatchRule(
      { type: 'individual', roomPrefix: ROOM_PREFIX },
      { name, trunkIds: wanted.trunkIds, roomConfig: wanted.roomConfig! },
    );
    return { id: created.sipDispatchRuleId, outcome: 'created' };
  }

  const id = existing.sipDispatchRuleId;
  const changed = ruleChangedBy(wish, trunkId, existing);
  if (changed.equals(existing)) return { id, outcome: 'unchanged' };
  await sip.updateSipDispatchRule(id, changed);
  return { id, outcome: 'updated' };
}

const TRUNK_FIELDS = [
  'numbers',
  'allowedAddresses',
  'authUsername',
  'authPassword',
  'includeHeaders',
  'ringingTimeout',
] as const;
const RULE_FIELDS = ['trunkIds', 'rule', 'roomConfig'] as const;

// In their JSON form, because LiveKit's SDK does not export the types of the fields.

function wantedTrunk(wish: InboundWish): SIPInboundTrunkInfo {
  return SIPInboundTrunkInfo.fromJson({
    numbers: [...wish.numbers],
    allowedAddresses: [...wish.allowedAddresses],
    authUsername: wish.username ?? '',
    authPassword: wish.password ?? '',
    // The carrier's own ids and anything a PBX adds reach the call as attributes.
    includeHeaders: 'SIP_X_HEADERS',
    ringingTimeout: RINGING_TIMEOUT,
  });
}

function trunkChangedBy(wish: InboundWish, trunk: SIPInboundTrunkInfo): SIPInboundTrunkInfo {
  return new SIPInboundTrunkInfo({ ...trunk, ...fieldsOf(wantedTrunk(wish), TRUNK_FIELDS) });
}

/**
 * A room for each call. With one room for all, a second call of the same caller would throw out
 * the first; with a PIN the call would be answered before anything is known about the caller.
 */
function wantedRule(wish: InboundWish, trunkId: string): SIPDispatchRuleInfo {
  return SIPDispatchRuleInfo.fromJson({
    trunkIds: [trunkId],
    rule: { dispatchRuleIndividual: { roomPrefix: ROOM_PREFIX } },
    roomConfig: { agents: [{ agentName: wish.agentName }] },
  });
}

function ruleChangedBy(
  wish: InboundWish,
  trunkId: string,
  rule: SIPDispatchRuleInfo,
): SIPDispatchRuleInfo {
  return new SIPDispatchRuleInfo({ ...rule, ...fieldsOf(wantedRule(wish, trunkId), RULE_FIELDS) });
}

/** LiveKit itself compares numbers without their punctuation. */
function conflicts(trunk: SIPInboundTrunkInfo, numbers: readonly string[]): boolean {
  // Trunks for some callers only may share a number; LiveKit knows the details.
  if (trunk.allowedNumbers.length > 0) return false;
  if (numbers.length === 0 || trunk.numbers.length === 0) {
    return numbers.length === 0 && trunk.numbers.length === 0;
  }
  const digits = (number: string) => number.replace(/\D/g, '');
  const theirs = new Set(trunk.numbers.map(digits));
  return numbers.some((number) => theirs.has(digits(number)));
}

function ourTrunk(
  trunks: readonly SIPInboundTrunkInfo[],
  name: string,
): SIPInboundTrunkInfo | undefined {
  return theOnly(
    trunks.filter((trunk) => trunk.name === trunkName(name)),
    `inbound trunks have the name "${trunkName(name)}"`,
    (trunk) => trunk.sipTrunkId,
  );
}

function ourRule(
  rules: readonly SIPDispatchRuleInfo[],
  name: string,
): SIPDispatchRuleInfo | undefined {
  return theOnly(
    rules.filter((rule) => rule.name === name),
    `dispatch rules have the name "${name}"`,
    (rule) => rule.sipDispatchRuleId,
  );
}
