import { llm, voice } from '@livekit/agents';
import type { LedgerClient } from '../ledger/client.ts';
import { disclose } from './disclosure.ts';
import { lastGoodbye, offerGoodbye } from './goodbye.ts';
import { greet } from './greeting.ts';
import type { LiveCall } from './live_call.ts';
import { watchLostReplies } from './lost_replies.ts';
import { meetCallee } from './meet_callee.ts';
import { beginRecording } from './recording.ts';
import { watchSilence } from './silence.ts';
import { sessionUsage } from './usage.ts';

/** How often the tokens used so far are written down, for a call that ends by a crash. */
const USAGE_EVERY_MS = 15_000;

const RECONNECT_PAUSE_MS = 1_000;

/** From the answer to the end: tells what has to be told, greets, then follows what the session and the phone report. */
export async function converse(call: LiveCall, ledger: LedgerClient): Promise<void> {
  followSession(call);
  watchLostReplies(call);
  followKeypad(call);
  limitDuration(call);
  void followWorker(call, ledger);
  const rule = call.profile?.recording;
  if (rule && !rule.afterDisclosure) beginRecording(call);
  if (call.direction === 'inbound') {
    followSilence(call);
    return await open(call);
  }
  await meetCallee(call, (stop) => open(call, stop));
  // What is said to whom, and when, is settled: from here on a silence is one of the conversation.
  if (!call.ending.signal.aborted) followSilence(call);
}

/** The first words, unless `stop` fires: nobody is there to hear them. */
async function open(call: LiveCall, stop?: AbortSignal): Promise<void> {
  if (await disclose(call, stop)) beginRecording(call);
  if (stop?.aborted || call.leaving) return;
  const greeted = await greet(call);
  if (!greeted && !call.ending.signal.aborted && !stop?.aborted) {
    call.log.error('the model did not greet');
    call.journal.error('model_silent', 'the model did not speak').catch(() => undefined);
    await call.ending.end('model_unavailable');
  }
}

function followSession(call: LiveCall): void {
  const { session, journal, ending, log } = call;
  if (!session) return;
  const types = voice.AgentSessionEventTypes;
  const seen = new Set<string>();
  session.on(types.ConversationItemAdded, ({ item }) => {
    if (!(item instanceof llm.ChatMessage) || seen.has(item.id)) return;
    const text = item.textContent?.trim();
    if (!text || (item.role !== 'assistant' && item.role !== 'user')) return;
    seen.add(item.id);
    const role = item.role === 'assistant' ? 'agent' : 'caller';
    journal.transcript(role, text, item.id).catch(() => undefined);
  });

  let usageWrittenAt = Date.now();
  session.on(types.SessionUsageUpdated, () => {
    if (Date.now() - usageWrittenAt < USAGE_EVERY_MS) return;
    usageWrittenAt = Date.now();
    const usage = sessionUsage(call);
    if (usage) journal.usage(usage).catch(() => undefined);
  });

  session.on(types.Error, ({ error }) => {
    const { recoverable, type } = error as { recoverable?: boolean; type?: string };
    log.warn({ err: (error as { error?: unknown }).error, recoverable, type }, 'model error');
    const code = recoverable ? 'model_interrupted' : 'model_unavailable';
    journal.error(code, 'the connection to the model broke').catch(() => undefined);
    if (!recoverable) void ending.end('model_unavailable');
  });
  session.on(types.Close, ({ reason }) => {
    if (reason === voice.CloseReason.ERROR) void ending.end('model_unavailable');
    else if (reason === voice.CloseReason.JOB_SHUTDOWN) void ending.end('shutdown');
  });
}

function followKeypad({ keypad, announcer }: LiveCall): void {
  keypad?.follow((keys) => {
    void announcer?.reply(undefined, { keypad: `[The caller pressed ${keys} on the keypad.]` });
  });
}

function followSilence(call: LiveCall): void {
  const { session, profile, ending, announcer, model } = call;
  if (!session || !profile) return;
  watchSilence(
    session,
    profile.silence,
    {
      prompt: () => {
        // A machine is being waited for, which has a limit of its own.
        if (model?.listensOnly) return;
        void announcer?.reply('The line is silent. Ask whether the caller is there.');
      },
      hangUp: () => {
        if (!model?.listensOnly) void endSilence(call);
      },
    },
    ending.signal,
  );
}

/** The longest that a call may last from its answer on: the profile's limit, and never more than everybody's. */
export function maxMinutes({ settings, profile }: Pick<LiveCall, 'settings' | 'profile'>): number {
  const { maxMinutes: limit } = settings.calls;
  return Math.min(profile?.maxMinutes ?? limit, limit);
}

function limitDuration(call: LiveCall): void {
  const timer = setTimeout(
    () => void sayGoodbyeAndEnd(call, 'The time for this call is over.', 'max_duration'),
    maxMinutes(call) * 60_000,
  );
  call.ending.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

/** Asks the worker, again and again, whether the call shall end: at the end of its drain it says so. */
async function followWorker(call: LiveCall, ledger: LedgerClient): Promise<void> {
  const { signal } = call.ending;
  while (!signal.aborted) {
    try {
      const answer = await ledger.request<{ shutdown: boolean }>('calls.awaitShutdown', {}, signal);
      if (!answer.shutdown) continue;
      await sayGoodbyeAndEnd(call, 'We must end this call now.', 'shutdown');
    } catch {
      // The worker is gone, which ends the call elsewhere, or only its socket, which comes back.
      await pause(RECONNECT_PAUSE_MS);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** The caller may be back by now: then the watch begins anew. */
async function endSilence(call: LiveCall): Promise<void> {
  if ((await offerGoodbye(call, 'The line stays silent.')) === 'said') {
    await call.ending.end('silence');
  }
}

async function sayGoodbyeAndEnd(
  call: LiveCall,
  why: string,
  reason: 'max_duration' | 'shutdown',
): Promise<void> {
  await lastGoodbye(call, why);
  await call.ending.end(reason);
}
