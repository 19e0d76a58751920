import { z } from 'zod';
import { readDotEnv } from '../../src/config/dot_env.ts';
import '../../src/config/plain_messages.ts';
import type { Call, CallEnding, TimelineEntry } from './call.ts';

/** What `dial` and `answer` of the phone's command line have in common. */

const UNITS = { ms: 1, s: 1000, m: 60_000 };

/** Milliseconds. */
export const durationOption = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m)$/, 'a duration such as 500ms, 20s or 2m')
  .transform((text) => {
    const unit = /[a-z]+$/.exec(text)![0] as keyof typeof UNITS;
    return Number.parseFloat(text) * UNITS[unit];
  });

export const keysOption = z.string().regex(/^[0-9*#A-Da-d]+$/, 'keys from 0-9, *, # and A-D');

export const referOption = z.enum(['accept', 'refuse']);

/** With `.env` of this folder, as every command has it. */
export function environment(): NodeJS.Dict<string> {
  return { ...readDotEnv(process.cwd()), ...process.env };
}

/** The password of `--username`, from where it is not in the list of processes. */
export function loginOf(username: string | undefined) {
  return username === undefined
    ? undefined
    : { username, password: environment().PHONE_PASSWORD ?? '' };
}

/** A line of the timeline, in seconds since `startedAt`. */
export function entryLine(startedAt: number, entry: TimelineEntry): string {
  const seconds = ((entry.at - startedAt) / 1000).toFixed(3).padStart(9);
  const about = [entry.what, entry.status, entry.target, entry.mark].filter(Boolean).join(' ');
  return `${seconds}  ${about}`;
}

/** How it ended and what was heard. */
export function summaryLines(call: Call, ending: CallEnding): string[] {
  const status = ending.status
    ? ` (${[ending.status, ending.reason].filter(Boolean).join(' ')})`
    : '';
  const lines = [`ended by ${ending.by}${status}`];
  const { packets, trouble } = call.heard;
  if (packets.length > 0) {
    const { lost, repeated, restarts } = trouble;
    lines.push(
      `heard ${packets.length} packets: ${lost} lost, ${repeated} repeated, ${restarts} restarts`,
    );
  }
  return lines;
}
