import './node_version.ts';
import { Command } from 'commander';
import { loadSettings, type Settings } from '../src/config/settings.ts';
import { carrierInstructions, isLocalLivekit } from '../src/telephony/carrier_instructions.ts';
import { livekitApi } from '../src/telephony/livekit_api.ts';
import { type Outcome, provisionInbound, removeInbound } from '../src/telephony/provisioning.ts';
import { webhookInstructions } from '../src/telephony/webhook_address.ts';
import { exitWithError } from './exit_with_error.ts';

/*
 * npm run sip:setup
 * npm run sip:setup -- --open
 */
const program = new Command('sip:setup')
  .description(
    'Makes the inbound trunk and the dispatch rule in LiveKit that bring phone calls to the agent.\n' +
      'Run it again after a change of SIP_NUMBERS, SIP_ALLOWED_ADDRESSES, SIP_USERNAME,\n' +
      'SIP_PASSWORD or LIVEKIT_AGENT_NAME: it changes what is there, and only what has changed.',
  )
  .option('--open', 'allow a trunk that anyone can call through: no addresses and no login')
  .option('--remove', 'delete the trunk and the rule that this command made, nothing else')
  .addHelpText(
    'after',
    '\nSettings are read from the environment and .env (docs/configuration.md).' +
      '\nWith npm, options stand behind --: npm run sip:setup -- --open',
  )
  .showHelpAfterError()
  .action((options: { open?: boolean; remove?: boolean }) => run(options));

async function run({ open = false, remove = false }): Promise<void> {
  const settings = loadSettings();
  const { sip } = livekitApi(settings.livekit);
  if (remove) {
    const { trunk, rule } = await removeInbound(sip);
    console.log(`dispatch rule  ${rule ? `${rule} deleted` : 'there was none'}`);
    console.log(`inbound trunk  ${trunk ? `${trunk} deleted` : 'there was none'}`);
    return;
  }
  const { trunk, rule } = await provisionInbound(sip, {
    ...settings.sip,
    agentName: settings.livekit.agentName,
    open,
  });
  console.log(`inbound trunk  ${trunk.id} ${said(trunk.outcome)}`);
  console.log(`dispatch rule  ${rule.id} ${said(rule.outcome)}`);
  console.log(instructions(settings));
}

function said(outcome: Outcome): string {
  return outcome === 'unchanged' ? 'is as it should be: nothing changed' : outcome;
}

function instructions({ livekit, sip, stack, server }: Settings): string {
  const lines = carrierInstructions({
    ...sip,
    livekitUrl: livekit.url,
    localLivekitPort: stack.livekitPort,
    localSipPort: stack.sipPort,
  });
  return [
    '',
    'Tell your carrier (origination, or "send calls to"):',
    ...lines.map((line) => `  ${line}`),
    '',
    'Tell LiveKit where to send its webhooks; without them a caller whom no worker takes rings on:',
    ...webhookInstructions(server, {
      ...livekit,
      isLocalStack: isLocalLivekit(livekit.url, stack.livekitPort),
    }).map((line) => `  ${line}`),
    '',
    `Calls go to the agent "${livekit.agentName}". Start it: npm run agent start`,
  ].join('\n');
}

program.parseAsync().catch(exitWithError);
