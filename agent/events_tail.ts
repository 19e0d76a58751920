import './node_version.ts';
import { Command, InvalidArgumentError } from 'commander';
import { newSigningSecret } from '../src/api/signing_secret.ts';
import type { Settings } from '../src/config/settings.ts';
import { CallwireError } from '../src/errors.ts';
import { NPM_OPTIONS_HINT, say } from './admin_command.ts';
import { apiEventSource } from './api_event_source.ts';
import { commandSettings } from './command_settings.ts';
import { type EventSource, eventFeed, type FeedEvent } from './event_feed.ts';
import { createEventForwarder, type EventForwarder } from './event_forwarder.ts';
import { exitWithError } from './exit_with_error.ts';
import { receiverUrl, usableSecret } from './receiver_options.ts';
import { workerEventSource } from './worker_event_source.ts';

/*
 * npm run events:tail
 * npm run events:tail -- --forward 3000/callwire
 */

interface Options {
  url?: string;
  key?: string;
  after: string;
  json?: true;
  forward?: string;
  transcripts?: boolean;
  secret?: string;
}

const program = new Command('events:tail')
  .description(
    'Follows the events of all calls and prints a line for each: those of the worker on this machine,\n' +
      'else, or with --url or --key, over the HTTP API. With --forward each is also signed and posted to\n' +
      'a receiver on this machine, as a delivery would be.',
  )
  .option('--url <url>', 'the HTTP API (PUBLIC_URL, else http://HOST:PORT)', httpUrl)
  .option('--key <key>', 'a key with the scope calls:read (API_KEY)')
  .option('--after <position>', 'where to begin; 0 = with the first event', position, 'latest')
  .option('--json', 'print whole bodies, a line each; they hold personal data')
  .option('--forward <url>', 'post each event there, once; a port alone is one of this machine')
  .option(
    '--transcripts',
    'forward transcript.* too: an endpoint gets them only where it names them',
  )
  .option('--secret <secret>', 'what to sign them with (WEBHOOK_SECRET, else one is made)')
  .addHelpText('after', `${NPM_OPTIONS_HINT} npm run events:tail -- --forward 3000/callwire`)
  .showHelpAfterError()
  .action((options: Options) => tail(options));

async function tail(options: Options): Promise<void> {
  const settings = commandSettings();
  const forwarder = forwarderTo(options, settings);
  const source = await sourceOf(options, settings);
  const stop = new AbortController();
  // Once: a second Ctrl-C ends the process as usual.
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  say(`following ${source.name}`);
  const feed = eventFeed({
    source,
    after: options.after,
    signal: stop.signal,
    onTrouble: (reason) => say(`${reason}; trying again`),
  });
  for await (const event of feed) {
    const outcome = forwarder && (await forwarder.forward(event, stop.signal));
    print(event, options.json === true, outcome);
  }
  await forwarder?.close();
  await source.close();
}

async function sourceOf(options: Options, settings: Settings): Promise<EventSource> {
  if (options.url === undefined && options.key === undefined) {
    const worker = await workerEventSource(settings.dataDir);
    if (worker) return worker;
  }
  const key = options.key ?? settings.server.apiKey;
  if (key) return apiEventSource({ url: options.url ?? apiUrl(settings), key });
  const message =
    options.url === undefined
      ? `No worker runs on ${settings.dataDir}, and for one elsewhere a key of its HTTP API is needed.`
      : 'A key of the HTTP API is needed.';
  throw new CallwireError('KEY_MISSING', message, {
    remedy:
      'Start the worker (npm run agent dev), or set API_KEY or --key; npm run keys create -- ' +
      '--scopes calls:read makes one.',
  });
}

function print(event: FeedEvent, json: boolean, outcome: string | null): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(event)}\n`);
    return;
  }
  const { timestamp, position: at, event: type, call_id, sequence } = event;
  const number = sequence === null ? '' : ` #${sequence}`;
  const forwarded = outcome === null ? '' : `  → ${outcome}`;
  const line = `${timestamp}  ${at}  ${type.padEnd(18)} ${call_id ?? '-'}${number}${forwarded}`;
  process.stdout.write(`${line}\n`);
}

function forwarderTo(
  { forward, secret, transcripts = false }: Options,
  { webhookSecret }: Settings,
): EventForwarder | null {
  if (forward === undefined) return null;
  const url = receiverUrl(/^\d+(\/|$)/.test(forward) ? `http://localhost:${forward}` : forward);
  const known = secret ?? webhookSecret;
  const signing = known === undefined ? newSigningSecret() : usableSecret(known);
  if (known === undefined) say(`forwarded events are signed with ${signing}`);
  return createEventForwarder(url, signing, { transcripts });
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

program.parseAsync().catch(exitWithError);
