import '../agent/node_version.ts';
import { Command } from 'commander';
import { exitWithError } from '../agent/exit_with_error.ts';
import { loadSettings } from '../src/config/settings.ts';
import { localWebhookUrl } from '../src/telephony/webhook_address.ts';
import { prepareStack } from './prepare.ts';
import { type Stack, startStack } from './stack.ts';

/** `npm run stack`: a LiveKit with telephony on this machine, in the foreground. */
const program = new Command('stack')
  .description(
    'Runs redis, livekit-server and livekit-sip on this machine (127.0.0.1), for development and\n' +
      'tests. The first start builds the LiveKit programs, which takes minutes. Ctrl-C ends all.',
  )
  .showHelpAfterError()
  .addHelpText(
    'after',
    '\nPorts: STACK_LIVEKIT_PORT, STACK_RTC_PORTS, STACK_SIP_PORT, STACK_REDIS_PORT, STACK_RTP_PORTS.' +
      '\nLogs, configurations, and the trunks and dispatch rules that are made in it: DATA_DIR/stack, so' +
      '\nit has them again at the next start. LiveKit: livekit.yaml. Programs that are built are' +
      '\nkept in ~/.cache/callwire (CALLWIRE_CACHE); a livekit-server or livekit-sip on the PATH is' +
      '\ntaken instead. Settings are read from the environment and .env (docs/configuration.md).',
  )
  .action(run);

async function run(): Promise<void> {
  const settings = loadSettings();
  const { apiKey, apiSecret } = settings.livekit;
  const webhookUrl = localWebhookUrl(settings.server);
  const interrupted = new AbortController();
  let stack: Stack | undefined;

  const stop = async (signal: NodeJS.Signals) => {
    interrupted.abort();
    await stack?.stop();
    // Only when nothing is left: before that, the start that is being given up ends its children.
    if (stack) process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.on('SIGHUP', stop);

  try {
    const programs = await prepareStack(interrupted);
    stack = await startStack({
      ports: settings.stack,
      dataDir: settings.dataDir,
      keys: { apiKey, apiSecret },
      log: console.log,
      signal: interrupted.signal,
      programs,
      webhookUrl,
    });
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    process.exit(130);
  }
  stack.onExit(exitWithError);
  console.log(welcome(stack, webhookUrl));
}

function welcome({ url, sip, folder }: Stack, webhookUrl: string | undefined): string {
  return `
The local stack is running.

  LiveKit    ${url}
  Telephony  sip:${sip.host}:${sip.port} (UDP and TCP), from this machine only
  Webhooks   ${webhookUrl ? `to the worker, ${webhookUrl}` : 'to nobody: SERVER=off or PORT=0'}
  Logs       ${folder}

Next, in other terminals:

  npm run sip:setup -- --open   calls to SIP_NUMBERS go to the agent; once, and after changes
  npm run agent dev             the agent that answers them

Then call sip:<one of SIP_NUMBERS>@${sip.host}:${sip.port} with a softphone on this machine, or
see a whole call without any of this: npm run demo

Ctrl-C ends the stack.`;
}

program.parseAsync().catch(exitWithError);
