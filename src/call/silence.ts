import { voice } from '@livekit/agents';

export interface SilencePolicy {
  /** `null` = never. */
  promptAfterMs: number | null;
  hangUpAfterMs: number | null;
}

/**
 * Watches for a line on which nobody speaks: asks once after `promptAfterMs`, gives up after
 * `hangUpAfterMs`. Both are counted from the last word of either side; the caller's words, not the
 * agent's question, start the count to the hang-up anew.
 *
 * ```
 * talking ── both quiet ──► quiet ── promptAfterMs ──► prompted ── hangUpAfterMs ──► hung up
 *    ▲                        │                           │                            │
 *    └────────────────────────┴───── the caller speaks ───┴────────────────────────────┘
 * ```
 */
export function watchSilence(
  session: voice.AgentSession,
  policy: SilencePolicy,
  on: { prompt: () => void; hangUp: () => void },
  signal: AbortSignal,
): void {
  if (policy.promptAfterMs === null && policy.hangUpAfterMs === null) return;
  let quietSince: number | undefined;
  let prompted = false;
  let hungUp = false;
  let timer: NodeJS.Timeout | undefined;

  const schedule = () => {
    clearTimeout(timer);
    if (quietSince === undefined || hungUp || signal.aborted) return;
    // Not the wall clock: one that is set would end the call for its silence.
    const quietFor = performance.now() - quietSince;
    const { promptAfterMs, hangUpAfterMs } = policy;
    if (hangUpAfterMs !== null && quietFor >= hangUpAfterMs) {
      // Once, unless the caller comes back: the goodbye changes the agent's state, which leads here.
      hungUp = true;
      return on.hangUp();
    }
    if (promptAfterMs !== null && !prompted && quietFor >= promptAfterMs) {
      prompted = true;
      on.prompt();
    }
    const next = [hangUpAfterMs, prompted ? null : promptAfterMs]
      .filter((after) => after !== null)
      .map((after) => after - quietFor);
    if (next.length > 0) timer = setTimeout(schedule, Math.max(1, Math.min(...next)));
  };

  const callerSpoke = () => {
    prompted = false;
    hungUp = false;
    quietSince = undefined;
  };
  const update = () => {
    if (session.userState === 'speaking') callerSpoke();
    const agentQuiet = session.agentState === 'listening' || session.agentState === 'idle';
    if (session.userState !== 'speaking' && agentQuiet) quietSince ??= performance.now();
    else if (!prompted) quietSince = undefined;
    schedule();
  };

  const { AgentStateChanged, UserStateChanged } = voice.AgentSessionEventTypes;
  session.on(AgentStateChanged, update);
  session.on(UserStateChanged, update);
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  update();
}
