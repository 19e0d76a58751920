import './node_version.ts';
import { Command, InvalidArgumentError } from 'commander';
import { newSigningSecret } from '../src/api/signing_secret.ts';
import { loadSettings, type Settings } from '../src/config/settings.ts';
import { CallwireError } from '../src/errors.ts';
import { decodeSecret } from '../src/events/signatures.ts';
import { NPM_OPTIONS_HINT, say } from './admin_command.ts';
import { eventFeed, type FeedEvent } from './event_feed.ts';
import { createEventForwarder, type EventForwarder } from './event_forwarder.ts';
import { exitWithError } from './exit_with_error.ts';

/*
 * npm run events:tail
 * npm run events:tail -- --forward http://localhost:3000/callwire
 */

interface Options {
  url?: string;
  key?: string;
  after: string;
  json?: true;
  forward?: URL;
  secret?: string;
}

const program = new Command('events:tail')
  .description(
    'Follows the events of all calls over the HTTP API and prints a line for each. With --forward\n' +
      'each is also signed and posted to a receiver on this machine, as a delivery would be.',
  )
  .option('--url <url>', 'the HTTP API (PUBLIC_URL, else http://HOST:PORT)', httpUrl)
  .option('--key <key>', 'a key with the scope calls:read (API_KEY)')
  .option('--after <position>', 'where to begin; 0 = with the first event', position, 'latest')
  .option('--json', 'print whole bodies, a line each; they hold personal data')
  .option('--forward <url>', 'post each event there, once', (text) => new URL(httpUrl(text)))
  .option('--secret <secret>', 'what to sign them with (WEBHOOK_SECRET, else one is made)', secret)
  .addHelpText('after', `${NPM_OPTIONS_HINT} npm run events:tail -- --json`)
  .showHelpAfterError()
  .action((options: Options) => tail(options));

async function tail(options: Options): Promise<void> {
  const settings = loadSettings();
  const key = options.key ?? settings.server.apiKey;
  if (!key) {
    throw new CallwireError('KEY_MISSING', 'A key of the HTTP API is needed.', {
      remedy: 'Set API_KEY or --key; npm run keys create -- --scopes calls:read makes one.',
    });
  }
  const forwarder = options.forward && forwarderTo(options.forward, options.secret, settings);
  const stop = new AbortController();
  // Once: a second Ctrl-C ends the process as usual.
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const url = options.url ?? apiUrl(settings);
  say(`following ${url}`);
  const feed = eventFeed({
    url,
    key,
    after: options.after,
    signal: stop.signal,
    onTrouble: (reason) => say(`${reason}; trying again`),
  });
  for await (const event of feed) {
    const outcome = await forwarder?.forward(event, stop.signal);
    print(event, options.json === true, outcome);
  }
  await forwarder?.close();
}

function print(event: FeedEvent, json: boolean, outcome: string | undefined): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(event)}\n`);
    return;
  }
  const { timestamp, position: at, event: type, call_id, sequence } = event;
  const number = sequence === null ? '' : ` #${sequence}`;
  const forwarded = outcome === undefined ? '' : `  → ${outcome}`;
  const line = `${timestamp}  ${at}  ${type.padEnd(18)} ${call_id ?? '-'}${number}${forwarded}`;
  process.stdout.write(`${line}\n`);
}

function forwarderTo(
  url: URL,
  given: string | undefined,
  { defaultEndpoint }: Settings,
): EventForwarder {
  const known = given ?? defaultEndpoint?.secret;
  const signing = known ?? newSigningSecret();
  if (!known) say(`forwarded events are signed with ${signing}`);
  return createEventForwarder(url, signing);
}

function apiUrl({ server: { publicUrl, host, port } }: Settings): string {
  if (publicUrl) return publicUrl;
  const reachable = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

function httpUrl(text: string): string {
  const url = URL.parse(text);
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) {
    return text.replace(/\/+$/, '');
  }
  throw new InvalidArgumentError('Use a whole URL such as http://localhost:3000/callwire.');
}

function position(text: string): string {
  if (/^(\d{1,15}|latest)$/.test(text)) return text;
  throw new InvalidArgumentError('Use a position (a whole number), or latest.');
}

function secret(text: string): string {
  try {
    decodeSecret(text);
  } catch {
    throw new InvalidArgumentError('Behind whsec_ stands base64 of at least 24 bytes.');
  }
  if (text !== '') return text;
  throw new InvalidArgumentError('It must not be empty.');
}

program.parseAsync().catch(exitWithError);
