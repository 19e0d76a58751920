import type { EventEmitter } from 'node:events';
import type { AnsweredBy } from '../events/vocabulary.ts';
import { Answerer } from './answerer/answerer.ts';
import { BEEP_SAMPLE_RATE } from './answerer/beep.ts';
import type { Verdict } from './answerer/hearing.ts';
import { followAudio } from './answerer/line_audio.ts';
import { isMereGreeting } from './answerer/phrases.ts';
import { secondJudge } from './answerer/second_judge.ts';
import { firstMessage } from './instructions.ts';
import type { LiveCall } from './live_call.ts';
import { hangUpOnMachine, type MachineAnswer, machineDone } from './voicemail.ts';

/** Most people have said hello by then; who waits longer for our first word wonders who calls. */
const FIRST_WORDS_MS = 2_500;

/** "One moment, please" may take this long. */
const FIRST_VERDICT_LIMIT_MS = 60_000;

/** From the greeting on: a machine that was taken for a person gives itself away in its first sentences. */
const WATCH_MS = 30_000;

/** Behind the answer to call screening: somebody reads it, or is being called. */
const SCREENING_LIMIT_MS = 60_000;
const SCREENING_QUESTIONS = 3;

const STATE_BUSINESS =
  'Call screening asks who calls, and why. Tell it both in a short sentence, and greet nobody.';

/** The agent's first words. `stop`: a machine is speaking, and they are of no use to it. */
export type Opening = (stop: AbortSignal) => Promise<unknown>;

/**
 * The first moments of an answered outbound call: finds out who is there before the conversation
 * begins. The model only listens meanwhile, so that nothing is said into a machine's monologue, and
 * nothing cuts the first words off.
 *
 * ```
 * listening ─ person, or nobody speaks ─► opening ─► conversation, watched a while longer
 *   │  ▲                                     └──── a machine ────┤
 *   │  └─ goes on ◄─ states its business ◄─ screening           │
 *   └─ machine, menu ───────────────────────────────────────────┴─► the profile's policy
 * ```
 *
 * Where the policy is `continue`, a machine is let finish before the opening, and then is nobody else.
 *
 * Resolves when the conversation runs, or the call has ended.
 */
export async function meetCallee(call: LiveCall, open: Opening): Promise<void> {
  const { ending } = call;
  const over = new AbortController();
  const answerer = listenTo(call, AbortSignal.any([ending.signal, over.signal]));
  let watched: Promise<unknown> = Promise.resolve();
  try {
    const first = await firstVerdict(call, answerer);
    if (ending.signal.aborted) return;
    const talksToMachines = call.profile?.voicemail.policy === 'continue';
    if (isMachine(first)) {
      if (!talksToMachines) return await hangUpOnMachine(call, answerer, first);
      await machineDone(answerer);
      if (ending.signal.aborted) return;
    }

    const stop = new AbortController();
    const opening = { over: false };
    const watch = watchForMachine(call, answerer, opening);
    const machine = talksToMachines ? new Promise<null>(() => undefined) : watch.machine;
    const opened = open(stop.signal).then(() => {
      opening.over = true;
    });
    const during = await Promise.race([opened.then(() => null), machine]);
    if (ending.signal.aborted) return;
    if (during) {
      stop.abort();
      return await hangUpOnMachine(call, answerer, during);
    }
    converse(call, answerer, { first, said: watch.said });
    watched = watch.machine.then((behind) => {
      if (behind && !talksToMachines) return hangUpOnMachine(call, answerer, behind);
      return undefined;
    });
  } finally {
    void watched.finally(() => over.abort());
  }
}

/** Hears what comes from the phone, in words and in sound, until `signal` fires. */
function listenTo(call: LiveCall, signal: AbortSignal): Answerer {
  const { settings, job, caller, model, log } = call;
  const { apiKey, baseUrl, extractionModel } = settings.openai;
  const judge = secondJudge({ apiKey, baseUrl, model: extractionModel, log });
  const answerer = new Answerer({ judge, signal });
  const session = model?.current as unknown as EventEmitter | undefined;
  const take = (event: { type?: unknown }) => answerer.take(event);
  session?.on('openai_server_event_received', take);
  signal.addEventListener('abort', () => session?.off('openai_server_event_received', take), {
    once: true,
  });
  if (caller) {
    const line = { room: job.room, identity: caller.identity, sampleRate: BEEP_SAMPLE_RATE };
    followAudio(line, (pcm) => answerer.sound(pcm), { signal, log });
  }
  return answerer;
}

/** Who is there; call screening is answered, and what comes behind it counts. */
async function firstVerdict(call: LiveCall, answerer: Answerer): Promise<Verdict> {
  let verdict = await answerer.hear({
    silenceMs: FIRST_WORDS_MS,
    limitMs: FIRST_VERDICT_LIMIT_MS,
  });
  note(call, verdict);
  for (let n = 0; verdict.kind === 'screening' && n < SCREENING_QUESTIONS; n++) {
    if (call.ending.signal.aborted) return verdict;
    await call.announcer?.reply(STATE_BUSINESS, { at: 'once', attempts: 1 });
    // A phone rings behind it, which is a tone as well.
    verdict = await answerer.hear({ limitMs: SCREENING_LIMIT_MS, beeps: false });
    if (verdict.by === 'limit') verdict = { ...verdict, kind: 'screening' };
    note(call, verdict);
    if (verdict.by === 'limit') break;
  }
  return verdict;
}

interface Watch {
  /** A machine after all; `null` when a person has spoken behind the opening, or the time is over. */
  machine: Promise<MachineAnswer | null>;
  /** What a person has said into the opening. */
  said: string;
}

function watchForMachine(call: LiveCall, answerer: Answerer, opening: { over: boolean }): Watch {
  const until = performance.now() + WATCH_MS;
  const watch: Watch = { machine: Promise.resolve(null), said: '' };
  const look = async () => {
    for (;;) {
      // The opening may be long: a machine that speaks into it is heard to its end.
      const limitMs = Math.max(until - performance.now(), opening.over ? 0 : WATCH_MS);
      const verdict = await answerer.hear({ limitMs });
      if (call.ending.signal.aborted) return null;
      if (isMachine(verdict)) {
        note(call, verdict);
        return verdict;
      }
      if (verdict.kind === 'person') {
        note(call, verdict);
        if (opening.over) return null;
        watch.said = verdict.text;
      } else if (opening.over) return null;
    }
  };
  watch.machine = look();
  return watch;
}

/** The model takes part from here on, and is asked for what it owes a person who has spoken already. */
function converse(
  call: LiveCall,
  answerer: Answerer,
  { first, said }: { first: Verdict; said: string },
): void {
  const { model, announcer } = call;
  // What is being said right now is answered by the model itself when it is over.
  const speaking = answerer.speaking;
  if (model) model.listensOnly = false;
  if (speaking) return;
  const greeted = firstMessage(call) !== '' || call.backend?.agent?.recordedGreeting !== undefined;
  const spokenTo = first.kind === 'person' && !greeted;
  if (spokenTo || (said !== '' && !isMereGreeting(said))) void announcer?.reply();
}

function isMachine(verdict: Verdict): verdict is MachineAnswer {
  return verdict.kind === 'machine' || verdict.kind === 'ivr' || verdict.kind === 'screening';
}

/** Writes down who has answered, as often as that changes. */
function note(call: LiveCall, { kind, by }: Verdict): void {
  if (call.ending.signal.aborted || call.answeredBy === kind) return;
  call.answeredBy = kind satisfies AnsweredBy;
  call.log.info({ answered_by: kind, by }, 'who has answered');
  call.journal.answeredBy(kind, by).catch(() => undefined);
}
