import { untilAborted } from '../../src/crm/until_aborted.ts';
import type { Call } from '../phone/call.ts';
import type { PhoneVoice } from '../phone/voice.ts';

/** How long the agent must be quiet before the caller speaks: more than it is between sentences. */
const TURN_PAUSE_MS = 1_000;
const ANSWER_LIMIT_MS = 30_000;
const AGENT_LIMIT_MS = 60_000;
/** After the caller's goodbye the agent hangs up, or the caller does. */
const GOODBYE_LIMIT_MS = 20_000;

/**
 * The caller's part of a conversation: waits until the agent has finished, says the next line, and
 * hangs up after the last one unless the agent does. Resolves when the call is over.
 */
export async function converse(
  call: Call,
  { lines, voice, signal }: { lines: readonly string[]; voice: PhoneVoice; signal: AbortSignal },
): Promise<void> {
  const over = new AbortController();
  const ended = call.ended(signal, 24 * 3_600_000).then(() => over.abort());
  ended.catch(() => undefined);
  const talking = AbortSignal.any([signal, over.signal]);
  try {
    let spokenUntil = 0;
    for (const line of lines) {
      const audio = await voice(line, talking);
      await listen(call, spokenUntil, talking);
      ({ endedAt: spokenUntil } = await untilAborted(call.play(audio, talking), talking));
    }
    await call.ended(talking, GOODBYE_LIMIT_MS).catch(() => call.hangUp(signal));
  } catch (error) {
    if (!over.signal.aborted) throw error;
  }
  await ended;
}

/** Until the agent has answered and is quiet again. */
async function listen(call: Call, after: number, signal: AbortSignal): Promise<void> {
  const { at } = await call.heard.waitForSound({ after, deadlineMs: ANSWER_LIMIT_MS }, signal);
  const quiet = { after: at, forMs: TURN_PAUSE_MS, deadlineMs: AGENT_LIMIT_MS };
  await call.heard.waitForSilence(quiet, signal);
}
