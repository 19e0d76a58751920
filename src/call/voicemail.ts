import type { Answerer } from './answerer/answerer.ts';
import type { Verdict } from './answerer/hearing.ts';
import { voicemailMessage } from './instructions.ts';
import { lastWordsHeard } from './last_words.ts';
import type { LiveCall } from './live_call.ts';

/** What answered is no person, or no person yet. */
export type MachineAnswer = Verdict & { kind: 'machine' | 'ivr' | 'screening' };

/** A mailbox that does not beep; between its greeting and its beep others pause for 1 or 2 s. */
const QUIET_MS = 5_000;

/** Behind the end of a monologue: the agent's turn, where it talks to machines. */
const TURN_MS = 1_200;

/** The longest greeting that is waited for. */
const GREETING_LIMIT_MS = 90_000;

/** Some machines begin to record a moment behind their tone. */
const BEHIND_BEEP_MS = 200;

const MESSAGE_LIMIT_MS = 90_000;

/**
 * Ends a call that a machine has answered, where the profile does not talk to machines: at once, or
 * behind the message. Nothing is said before the machine has finished, and nothing that it says or
 * beeps cuts the message off, for the model only listens.
 *
 * A menu takes no message, but some mailboxes sound like one: only a beep brings the message.
 */
export async function hangUpOnMachine(
  call: LiveCall,
  answerer: Answerer,
  verdict: MachineAnswer,
): Promise<void> {
  if (call.profile?.voicemail.policy === 'leave_message') {
    await leaveMessage(call, answerer, verdict);
  }
  await call.ending.end('voicemail');
}

/** Resolves when a machine that is talked to (`continue`) has said what it had to say. */
export async function machineDone(answerer: Answerer): Promise<void> {
  await answerer.turn({ quietMs: TURN_MS, limitMs: GREETING_LIMIT_MS });
}

async function leaveMessage(
  call: LiveCall,
  answerer: Answerer,
  { kind }: MachineAnswer,
): Promise<void> {
  const { session, model, announcer, ending, log } = call;
  const text = voicemailMessage(call);
  if (!text || !announcer) return;
  if (model) model.listensOnly = true;
  // What was being said to somebody who is not there.
  session?.interrupt({ force: true });
  const turn = await answerer.turn({ quietMs: QUIET_MS, limitMs: GREETING_LIMIT_MS });
  if (ending.signal.aborted) return;
  if (turn === 'limit' || (kind !== 'machine' && turn !== 'beep')) {
    log.info({ turn }, 'nothing records a message');
    return;
  }
  await pause(BEHIND_BEEP_MS, ending.signal);
  const spoken = await announcer.say(text, {
    at: 'once',
    deadlineMs: MESSAGE_LIMIT_MS,
    interrupt: true,
  });
  if (ending.signal.aborted) return;
  log.info({ spoken, behind: turn }, 'message left');
  if (spoken === 'played') await lastWordsHeard(call);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
  });
}
