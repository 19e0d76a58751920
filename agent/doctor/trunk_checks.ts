import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Settings } from '../../src/config/settings.ts';
import {
  findInbound,
  type InboundFound,
  isInboundUpToDate,
  isOpen,
} from '../../src/telephony/inbound_trunk.ts';
import type { LiveKitApi } from '../../src/telephony/livekit_api.ts';
import { livekitPlace } from '../../src/telephony/livekit_place.ts';
import { findOutboundTrunk, isUpToDate } from '../../src/telephony/outbound_trunk.ts';
import type { Check, Observation } from './finding.ts';

const RUN_SETUP = 'Run npm run sip:setup; run it again after each change of a SIP_ setting.';

/** Calls come in: a trunk takes them, and a rule dispatches them to the agent. */
export function inboundCheck(settings: Settings, { sip }: Pick<LiveKitApi, 'sip'>): Check {
  return {
    name: 'inbound_trunk',
    needs: 'livekit',
    look: async () => {
      const { agentName } = settings.livekit;
      const found = await findInbound(sip, { agentName });
      if (isInboundUpToDate(found, { ...settings.sip, agentName })) return ours(settings, found);
      const [theirs] = found.othersRules;
      if (theirs) return ofOthers(settings, theirs);
      if (found.trunk || found.rule) {
        return {
          status: 'problem',
          message: 'trunk or dispatch rule in LiveKit are not what the settings say',
          remedy: RUN_SETUP,
        };
      }
      return none(settings);
    },
  };
}

function ours({ sip, livekit, stack }: Settings, { trunk }: InboundFound): Observation {
  const numbers = sip.numbers.length > 0 ? sip.numbers.join(', ') : 'every number';
  const takes = `${trunk?.sipTrunkId} takes calls to ${numbers} for "${livekit.agentName}"`;
  if (isOpen(sip) && livekitPlace(livekit.url, stack.livekitPort) !== 'local') {
    return {
      status: 'warning',
      message: `${takes}, and anyone can call through it`,
      remedy: 'Set SIP_ALLOWED_ADDRESSES or SIP_USERNAME and SIP_PASSWORD, then npm run sip:setup.',
    };
  }
  return { status: 'ok', message: takes };
}

type Rule = InboundFound['othersRules'][number];

/** Made in LiveKit's console, or under another name: that is as good. */
function ofOthers({ livekit }: Settings, rule: Rule): Observation {
  const name = `"${rule.name}" (${rule.sipDispatchRuleId})`;
  const sends = `the dispatch rule ${name} sends calls to "${livekit.agentName}"`;
  if (pinOf(rule) === '') return { status: 'ok', message: sends };
  return {
    status: 'warning',
    message: `${sends}, and asks for a PIN: the phone is answered before the caller is known`,
  };
}

function none({ livekit, sip }: Settings): Observation {
  const wanted = sip.numbers.length > 0 || sip.allowedAddresses.length > 0 || sip.username;
  if (!wanted && sip.outbound) {
    return { status: 'skipped', message: 'none: this installation only places calls' };
  }
  return {
    status: 'problem',
    message: `no dispatch rule sends calls to "${livekit.agentName}"`,
    remedy: RUN_SETUP,
  };
}

function pinOf({ rule }: Rule): string {
  const { value } = rule?.rule ?? {};
  return value && 'pin' in value ? value.pin : '';
}

/** Calls go out: the trunk is there, and its host has an address. */
export function outboundCheck(
  settings: Settings,
  { sip }: Pick<LiveKitApi, 'sip'>,
  resolve: (host: string) => Promise<unknown> = lookup,
): Check {
  return {
    name: 'outbound_trunk',
    needs: 'livekit',
    look: async () => {
      const { outbound } = settings.sip;
      if (!outbound) {
        return {
          status: 'skipped',
          message: 'no calls are placed: SIP_OUTBOUND_ADDRESS is not set',
        };
      }
      const trunk = await findOutboundTrunk(sip, { name: settings.livekit.agentName });
      if (!trunk) {
        return {
          status: 'problem',
          message: 'LiveKit has no outbound trunk of ours',
          remedy: RUN_SETUP,
        };
      }
      if (!isUpToDate(trunk, outbound)) {
        return {
          status: 'problem',
          message: `${trunk.sipTrunkId} is not what the settings say`,
          remedy: RUN_SETUP,
        };
      }
      const host = outbound.address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
      if (isIP(host) === 0 && !(await resolves(host, resolve))) {
        return {
          status: 'warning',
          message: `${host} has no address as seen from this machine`,
          remedy: 'Compare SIP_OUTBOUND_ADDRESS with what your carrier says.',
        };
      }
      return {
        status: 'ok',
        message:
          `${trunk.sipTrunkId} calls from ${outbound.callerNumber} through ${outbound.address}. ` +
          'Transfers need SIP REFER, which only the carrier can allow (docs/carriers.md)',
      };
    },
  };
}

async function resolves(host: string, resolve: (host: string) => Promise<unknown>) {
  try {
    await resolve(host);
    return true;
  } catch {
    return false;
  }
}
