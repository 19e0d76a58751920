import { Command } from 'commander';
import { z } from 'zod';
import type { Call } from './call.ts';
import {
  durationOption,
  entryLine,
  environment,
  keysOption,
  loginOf,
  referOption,
  summaryLines,
} from './cli_options.ts';
import { Phone } from './phone.ts';
import { ACCEPT_REFER, REFUSE_REFER } from './refer.ts';
import { endpointOf } from './sip_uri.ts';

const header = z
  .string()
  .regex(/^[\w-]+:.*$/, 'a header such as "X-Customer: 42"')
  .transform((text) => {
    const colon = text.indexOf(':');
    return [text.slice(0, colon), text.slice(colon + 1).trim()] as const;
  });

const OptionsSchema = z.object({
  to: z.string().min(1),
  proxy: z
    .string()
    .regex(/^\S+?(:\d+)?$/, 'host:port')
    .transform((text) => endpointOf(`sip:${text}`)),
  from: z.string(),
  host: z.ipv4(),
  anonymous: z.boolean().default(false),
  username: z.string().optional(),
  header: z.array(header).default([]),
  say: z.string().optional(),
  keys: keysOption.optional(),
  record: z.string().optional(),
  hangUpAfter: durationOption.optional(),
  refer: referOption,
});

type Options = z.infer<typeof OptionsSchema>;

/** One call from the command line. */
export function dialCommand(): Command {
  const command = new Command('dial')
    .summary('places one call')
    .description('Places one SIP call, prints what happens and when, ends on Ctrl-C.')
    .requiredOption('--to <number>', 'the number to dial')
    .option('--proxy <host:port>', 'where the call goes', localStack())
    .option('--from <number>', 'the number we call from', '+15550100001')
    .option('--host <address>', 'the local address to use', '127.0.0.1')
    .option('--anonymous', 'withhold our number')
    .option('--username <name>', 'SIP login; its password comes from PHONE_PASSWORD')
    .option('--header <name: value...>', 'added to the INVITE; may be repeated')
    .option('--say <file.wav>', 'spoken after the answer')
    .option('--keys <keys>', 'pressed after the answer, and after --say')
    .option('--record <out.wav>', 'both sides of the call, left us, right them')
    .option('--hang-up-after <duration>', 'counted from the answer, such as 20s')
    .option('--refer <accept|refuse>', 'what to do when transferred', 'accept');
  return command.action(async (given: unknown) => {
    const parsed = OptionsSchema.safeParse(given);
    if (!parsed.success) command.error(`${z.prettifyError(parsed.error)}\nSee --help.`);
    else await dial(parsed.data);
  });
}

/** Where `npm run stack` listens with the settings of this folder. */
function localStack(): string {
  const { STACK_SIP_PORT: port } = environment();
  return `127.0.0.1:${port || 5060}`;
}

async function dial(options: Options): Promise<void> {
  const phone = await Phone.open({ host: options.host, port: 0, number: options.from });
  const auth = loginOf(options.username);
  const call = await phone.dial({
    proxy: options.proxy,
    to: options.to,
    anonymous: options.anonymous,
    headers: Object.fromEntries(options.header),
    ...(auth ? { auth } : {}),
  });
  call.onRefer = () => (options.refer === 'accept' ? ACCEPT_REFER : REFUSE_REFER);
  const startedAt = call.timeline[0]?.at ?? performance.now();
  call.observe((entry) => console.log(entryLine(startedAt, entry)));

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // `once`: a second Ctrl-C finds no handler and ends the process the hard way.
    process.once(signal, () => void call.hangUp().catch(() => process.exit(1)));
  }
  const saved = options.record ? call.record(options.record) : undefined;
  try {
    await converse(call, options);
  } catch (error) {
    // A refusal is in the timeline already; a file we cannot read is not.
    if (call.state !== 'ended') console.error(error instanceof Error ? error.message : error);
    await call.hangUp();
  }
  await saved;
  for (const line of summaryLines(call, await call.ended())) console.log(line);
  await phone.close();
  process.exitCode = call.wasAnswered ? 0 : 1;
}

/** What we do once they have answered; ends by itself or with the call. */
async function converse(call: Call, options: Options): Promise<void> {
  await call.answered();
  const hangUp =
    options.hangUpAfter === undefined
      ? undefined
      : setTimeout(() => void call.hangUp(), options.hangUpAfter);
  try {
    if (options.say) await call.play(options.say);
    if (options.keys) await call.dtmf(options.keys);
    await call.ended(undefined, 24 * 3_600_000);
  } finally {
    clearTimeout(hangUp);
  }
}
