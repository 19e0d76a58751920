import { voice } from '@livekit/agents';
import { ParticipantKind, type Room } from '@livekit/rtc-node';
import type { CallModel } from './realtime_model.ts';

/**
 * The agents-js session of a phone call. Every option here answers one of its defaults that is
 * made for browsers:
 *
 * - `vad: null`, `turnDetection: 'realtime_llm'`: the model hears turns; the bundled VAD and turn
 *   detector would each want the 334 MB inference process
 * - `aecWarmupDuration: null`: replaces the caller by silence for the first 3 s of agent speech
 * - `maxToolSteps`: at the default of 3 tool results are thrown away without a word
 * - `userAwayTimeout: null`: silence is `silence.ts`'s business
 */
export function createSession(model: CallModel): voice.AgentSession {
  return new voice.AgentSession({
    llm: model,
    vad: null,
    turnHandling: { turnDetection: 'realtime_llm', interruption: { enabled: true } },
    aecWarmupDuration: null,
    maxToolSteps: MAX_TOOL_STEPS,
    userAwayTimeout: null,
  });
}

/** Enough for any sensible turn, few enough to stop a model that calls tools in a circle. */
const MAX_TOOL_STEPS = 20;

/**
 * Starts the session in the room, which publishes the agent's audio: **this answers the phone.**
 * Ending is ours alone (`CallEnding`), so agents-js neither closes on a disconnect (it knows three
 * of the reasons) nor deletes the room. Text input is off: it would let anybody with data rights
 * speak for the caller.
 */
export async function startSession(
  session: voice.AgentSession,
  agent: voice.Agent,
  room: Room,
  callerIdentity: string,
): Promise<void> {
  await session.start({
    agent,
    room,
    record: false,
    inputOptions: {
      participantIdentity: callerIdentity,
      participantKinds: [ParticipantKind.SIP],
      textEnabled: false,
      closeOnDisconnect: false,
      deleteRoomOnClose: false,
    },
    outputOptions: { transcriptionEnabled: true, syncTranscription: true },
  });
  await tellNobody(session);
}

/**
 * agents-js tells every event of a session to the phone, as a stream of data that no phone can read, and
 * takes orders from there. Each is three requests to the native library: in profiles of the first tools of a
 * turn nothing else took as long.
 */
async function tellNobody(session: voice.AgentSession): Promise<void> {
  const { sessionHost } = session as unknown as { sessionHost?: voice.SessionHost };
  await sessionHost?.close();
}

/** Tells the model's ear when the agent's voice is heard: only then a caller has to insist. */
export function gateBargeIn(session: voice.AgentSession, model: CallModel): void {
  const { bargeIn } = model;
  if (!bargeIn) return;
  session.on(voice.AgentSessionEventTypes.AgentStateChanged, ({ newState }) => {
    bargeIn.agentSpeaks = newState === 'speaking';
  });
}

/**
 * Cuts queued audio the moment the caller speaks. agents-js does so too, but only after awaiting
 * its forwarding tasks: 10 to 110 ms later (measured), in which the agent talks over the caller.
 */
export function cutOffAtOnce(session: voice.AgentSession): void {
  session.on(voice.AgentSessionEventTypes.UserStateChanged, (event) => {
    if (event.newState === 'speaking') session.output.audio?.clearBuffer();
  });
}
