import './node_version.ts';
import { Command } from 'commander';
import type { Settings } from '../src/config/settings.ts';
import {
  addressWarning,
  carrierInstructions,
  outboundInstructions,
} from '../src/telephony/carrier_instructions.ts';
import { provisionInbound, removeInbound } from '../src/telephony/inbound_trunk.ts';
import { type LiveKitApi, livekitApi } from '../src/telephony/livekit_api.ts';
import { livekitPlace } from '../src/telephony/livekit_place.ts';
import {
  findOutboundTrunk,
  provisionOutbound,
  removeOutbound,
} from '../src/telephony/outbound_trunk.ts';
import type { Provisioned } from '../src/telephony/provisioning.ts';
import { webhookInstructions } from '../src/telephony/webhook_address.ts';
import { commandSettings } from './command_settings.ts';
import { exitWithError } from './exit_with_error.ts';

/*
 * npm run sip:setup
 * npm run sip:setup -- --open
 */
const program = new Command('sip:setup')
  .description(
    'Makes in LiveKit what phone calls need: the inbound trunk and the dispatch rule that bring\n' +
      'calls to the agent and, where SIP_OUTBOUND_ADDRESS is set, the outbound trunk for calls to\n' +
      'phones. Run it again after a change of a SIP_ setting or LIVEKIT_AGENT_NAME: it changes what\n' +
      'is there, and only what has changed.',
  )
  .option(
    '--open',
    'allow an inbound trunk that anyone can call through: no addresses and no login',
  )
  .option('--remove', 'delete the trunks and the rule that this command made, nothing else')
  .addHelpText(
    'after',
    '\nSettings are read from the environment and .env (docs/configuration.md).' +
      '\nWith npm, options stand behind --: npm run sip:setup -- --open',
  )
  .showHelpAfterError()
  .action((options: { open?: boolean; remove?: boolean }) => run(options));

async function run({ open = false, remove = false }): Promise<void> {
  const settings = commandSettings();
  const { sip } = livekitApi(settings.livekit);
  if (remove) {
    await removeAll(sip, settings);
    return;
  }
  // Those who only place calls need not open a way in.
  if (!settings.sip.outbound || open || wantsInbound(settings)) {
    await setUpInbound(sip, settings, open);
  } else {
    console.log(
      'inbound trunk  not made: none of SIP_NUMBERS, SIP_ALLOWED_ADDRESSES, SIP_USERNAME',
    );
  }
  await setUpOutbound(sip, settings);
  const warning = addressWarning({
    allowedAddresses: settings.sip.allowedAddresses,
    ...placeOf(settings),
  });
  if (warning.length > 0) console.error(`\n${warning.join('\n')}`);
}

async function setUpInbound(sip: Sip, settings: Settings, open: boolean): Promise<void> {
  const { agentName } = settings.livekit;
  const { trunk, rule } = await provisionInbound(sip, { ...settings.sip, agentName, open });
  console.log(`inbound trunk  ${said(trunk)}`);
  console.log(`dispatch rule  ${said(rule)}`);
  const lines = carrierInstructions({ ...settings.sip, ...placeOf(settings) });
  console.log('\nTell your carrier (origination, or "send calls to"):');
  for (const line of lines) console.log(`  ${line}`);
  const { livekit, server, stack } = settings;
  console.log(
    '\nTell LiveKit where to send its webhooks; without them a caller whom no worker takes rings on:',
  );
  const webhook = webhookInstructions(server, {
    ...livekit,
    isLocalStack: livekitPlace(livekit.url, stack.livekitPort) === 'local',
  });
  for (const line of webhook) console.log(`  ${line}`);
  console.log(`\nCalls go to the agent "${agentName}". Start it: npm run agent start`);
}

async function setUpOutbound(sip: Sip, settings: Settings): Promise<void> {
  const { outbound } = settings.sip;
  const name = settings.livekit.agentName;
  if (!outbound) {
    const left = await findOutboundTrunk(sip, { name });
    if (left) {
      console.log(
        `\noutbound trunk ${left.sipTrunkId} is left as it is: SIP_OUTBOUND_ADDRESS is not set ` +
          '(--remove deletes it)',
      );
    }
    return;
  }
  const trunk = await provisionOutbound(sip, { ...outbound, name });
  console.log(`\noutbound trunk ${said(trunk)}`);
  console.log('\nAt your carrier (termination, or "calls from you"):');
  const lines = outboundInstructions({ ...outbound, ...placeOf(settings) });
  for (const line of lines) console.log(`  ${line}`);
}

async function removeAll(sip: Sip, settings: Settings): Promise<void> {
  const inbound = await removeInbound(sip);
  const outbound = await removeOutbound(sip, { name: settings.livekit.agentName });
  const gone = (id: string | null) => (id ? `${id} deleted` : 'there was none');
  console.log(`dispatch rule  ${gone(inbound.rule)}`);
  console.log(`inbound trunk  ${gone(inbound.trunk)}`);
  console.log(`outbound trunk ${gone(outbound)}`);
}

type Sip = LiveKitApi['sip'];

function wantsInbound({ sip }: Settings): boolean {
  return sip.numbers.length > 0 || sip.allowedAddresses.length > 0 || sip.username !== undefined;
}

function said({ id, outcome }: Provisioned): string {
  return `${id} ${outcome === 'unchanged' ? 'is as it should be: nothing changed' : outcome}`;
}

function placeOf({ livekit, stack }: Settings) {
  return {
    livekitUrl: livekit.url,
    localLivekitPort: stack.livekitPort,
    localSipPort: stack.sipPort,
  };
}

program.parseAsync().catch(exitWithError);
