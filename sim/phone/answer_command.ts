import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import {
  answeringMachine,
  answers,
  busy,
  type Callee,
  callScreening,
  hangsUpOnGreeting,
  ivr,
  rejects,
  ringsOut,
  transferredBy,
  type Utterance,
} from './callee.ts';
import { Carrier } from './carrier.ts';
import { durationOption, entryLine, loginOf, referOption, summaryLines } from './cli_options.ts';
import type { IncomingCall } from './incoming_call.ts';
import { ACCEPT_REFER, REFUSE_REFER } from './refer.ts';
import { phoneVoice } from './voice.ts';

const ROLES = [
  'person',
  'busy',
  'declining',
  'ringing-out',
  'hanging-up',
  'machine',
  'ivr',
  'screening',
] as const;
type Role = (typeof ROLES)[number];

/** What each role says where --say gives nothing else. */
const WORDS: Partial<Record<Role, string>> = {
  machine: 'Nobody is at home. Please leave a message after the tone.',
  ivr: 'To take this call, press 1.',
  screening: 'Please say your name and why you are calling.',
};

const OptionsSchema = z.object({
  port: z.coerce.number().int().min(0).max(65_535),
  host: z.ipv4(),
  as: z.enum(ROLES),
  status: z.coerce.number().int().min(300).max(699).optional(),
  answerAfter: durationOption,
  earlyMedia: z.boolean().default(false),
  say: z.string().optional(),
  hangUpAfter: durationOption.optional(),
  record: z.string().optional(),
  username: z.string().optional(),
  refer: referOption,
});

type Options = z.infer<typeof OptionsSchema>;

/** Waits for calls and takes them, several at once. */
export function answerCommand(): Command {
  const command = new Command('answer')
    .summary('waits for calls and takes them')
    .description(
      'Waits for calls to any number and takes them, several at once. Prints what happens and ' +
        'when, ends on Ctrl-C.',
    )
    .addHelpText(
      'after',
      '\nTo be called by Callwire on the local stack: set SIP_OUTBOUND_ADDRESS=127.0.0.1:5070 and' +
        '\nSIP_CALLER_NUMBER, then npm run sip:setup',
    )
    .option('--port <port>', 'the UDP port to listen on', '5070')
    .option('--host <address>', 'the local address to listen on', '127.0.0.1')
    .option('--as <role>', ROLES.join(', '), 'person')
    .option('--status <code>', 'refuse with this SIP status, such as 404')
    .option('--answer-after <duration>', 'how long it rings', '2s')
    .option('--early-media', 'ring with 183 instead of 180')
    .option('--say <text or file.wav>', 'spoken after the answer (text needs espeak-ng)')
    .option('--hang-up-after <duration>', 'a person: counted from the end of --say')
    .option('--record <folder>', 'both sides of each call as <time>.wav, left us, right them')
    .option('--username <name>', 'ask callers for this login; its password is PHONE_PASSWORD')
    .option('--refer <accept|refuse>', 'what to do when transferred', 'accept');
  return command.action(async (given: unknown) => {
    const parsed = OptionsSchema.safeParse(given);
    if (!parsed.success) command.error(`${z.prettifyError(parsed.error)}\nSee --help.`);
    else await answer(parsed.data);
  });
}

async function answer(options: Options): Promise<void> {
  const callee = await calleeOf(options);
  if (options.record) await mkdir(options.record, { recursive: true });
  const login = loginOf(options.username);
  const carrier = await Carrier.open({
    host: options.host,
    port: options.port,
    ...(login ? { login } : {}),
  });
  let count = 0;
  carrier.otherwise((call) => {
    count += 1;
    const recorded = options.record
      ? join(options.record, `${fileTime()}-${count}.wav`)
      : undefined;
    follow(call, count, recorded);
    return callee(call);
  });
  console.log(`listening on ${carrier.address} (UDP) as ${options.as}; Ctrl-C ends it`);

  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  await carrier.close();
}

function follow(call: IncomingCall, number: number, recording: string | undefined): void {
  const say = (line: string) => console.log(`${number}  ${line}`);
  say(`from ${call.from} to ${call.number}`);
  const startedAt = call.timeline[0]?.at ?? performance.now();
  call.observe((entry) => say(entryLine(startedAt, entry)));
  void call.ended(undefined, 24 * 3_600_000).then(async (ending) => {
    for (const line of summaryLines(call, ending)) say(line);
    if (!recording || !call.wasAnswered) return;
    await call.record(recording);
    say(`recorded in ${recording}`);
  });
}

async function calleeOf(options: Options): Promise<Callee> {
  const { status, earlyMedia, hangUpAfter: hangUpAfterMs } = options;
  const ringing = { ringMs: options.answerAfter, earlyMedia };
  const text = options.say ?? WORDS[options.as];
  const words = text === undefined ? undefined : await utterance(text);
  const takesIt = answers({
    ...ringing,
    ...(words ? { say: words } : {}),
    ...(hangUpAfterMs === undefined ? {} : { hangUpAfterMs }),
  });
  if (status !== undefined) return rejects(status, ringing);
  const roles: Record<Role, () => Callee> = {
    person: () => takesIt,
    busy: () => busy(),
    declining: () => rejects(603, ringing),
    'ringing-out': () => ringsOut({ earlyMedia }),
    'hanging-up': () => hangsUpOnGreeting(ringing),
    machine: () => answeringMachine({ ...ringing, greeting: words ?? '' }),
    ivr: () => ivr({ ...ringing, menu: words ?? '', keys: { 1: async () => {} } }),
    screening: () => callScreening({ ...ringing, question: words ?? '', next: async () => {} }),
  };
  const plan = options.refer === 'accept' ? ACCEPT_REFER : REFUSE_REFER;
  return transferredBy(plan, roles[options.as]());
}

function utterance(text: string): Utterance | Promise<Utterance> {
  return text.endsWith('.wav') ? text : phoneVoice()(text, AbortSignal.timeout(30_000));
}

function fileTime(): string {
  return new Date().toISOString().replaceAll(/[:.]/g, '-');
}
