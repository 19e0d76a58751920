import { babble } from '../sim/phone/speech.ts';
import { END_HZ } from '../sim/realtime/voice.ts';
import type { Measurement } from './measurement.ts';
import type { OurSide } from './our_side.ts';
import type { Line } from './result.ts';
import { quantile, spread } from './statistics.ts';

/** Responses in a row that only call tools: fewer than the step limit of a turn. */
const STEPS = 18;
const TOOLS = ['record_intent', 'update_crm_note', 'lookup_crm'] as const;
const DEADLINE_MS = 60_000;
const PAIRS_PER_CALL = 10;

/**
 * From the model's tool call to its result at the model, on the model's clock. The model says
 * nothing beside the calls: agents-js keeps a result until the speech beside it has been played.
 */
export const toolResults: Measurement = {
  name: 'tools',
  about: 'tool call → result at the model, with a CRM that answers, hangs and is down',
  run: async ({ pairs, quick, lab, log }) => {
    const ours = await lab.ours();
    const steps = quick ? 3 : STEPS;
    const calls = Math.ceil(pairs / PAIRS_PER_CALL);
    const states = Object.keys(CRM) as CrmState[];
    const measured = Object.fromEntries(
      states.map((state) => [state, { latencies: [] as number[], lost: 0 }]),
    ) as Record<CrmState, { latencies: number[]; lost: number }>;
    for (let i = 0; i < calls; i++) {
      for (const state of states) {
        const { latencies, lost } = await measureCall(ours, state, steps).catch((error) => {
          log(`tools: a call with a CRM ${state} broke: ${error}`);
          return { latencies: [], lost: steps * TOOLS.length };
        });
        measured[state].latencies.push(...latencies);
        measured[state].lost += lost;
      }
      log(`tools ${i + 1}/${calls}`);
    }
    return states.map((state): Omit<Line, 'measurement'> => {
      const { latencies, lost } = measured[state];
      return {
        what: `tool call → result, CRM ${state}: p99`,
        value: latencies.length > 0 ? quantile(latencies, 0.99) : null,
        unit: 'ms',
        atMost: 20,
        n: latencies.length,
        failures: lost,
        details: spread('result', latencies),
        samples: { result: latencies },
      };
    });
  },
};

/** Puts the CRM into a state; returns what ends it. */
const CRM = {
  answering: () => Promise.resolve(() => Promise.resolve()),
  hanging: ({ installation: { backend } }: OurSide) => {
    for (const group of ['lookup', 'writes'] as const) backend.behave(group, { mode: 'hang' });
    return Promise.resolve(() => {
      for (const group of ['lookup', 'writes'] as const) backend.behave(group, { mode: 'ok' });
      return Promise.resolve();
    });
  },
  down: async ({ installation: { backend } }: OurSide) => {
    await backend.stop();
    return async () => void (await backend.start());
  },
};
type CrmState = keyof typeof CRM;

async function measureCall(
  ours: OurSide,
  state: CrmState,
  steps: number,
): Promise<{ latencies: number[]; lost: number }> {
  const { model } = ours;
  await ours.settled();
  model.setScenario(scenario(steps));
  const restore = await CRM[state](ours);
  const before = model.sessions.length;
  const call = await ours.dial();
  try {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    const session = await model.waitForSession(deadline, before);
    await call.heard.waitForTone(END_HZ, { deadlineMs: DEADLINE_MS });
    await call.play(babble(700));
    const wanted = steps * TOOLS.length;
    // A result that never comes is counted below.
    const enough = AbortSignal.any([deadline, AbortSignal.timeout(15_000)]);
    await session.waitFor((log) => log.toolResults.length >= wanted, enough).catch(() => undefined);
    const sentAt = new Map(session.toolCalls.map((one) => [one.callId, one.sentAt]));
    const latencies = session.toolResults.flatMap(({ callId, receivedAt }) => {
      const sent = sentAt.get(callId);
      return sent === undefined ? [] : [receivedAt - sent];
    });
    return { latencies, lost: wanted - latencies.length };
  } finally {
    await call.hangUp();
    await restore();
  }
}

/** A turn of so many responses, each of which calls every tool and says nothing. */
function scenario(steps: number): string {
  let reply: unknown = 'Done.';
  for (let step = steps; step > 0; step--) {
    const calls = [
      { call: { tool: TOOLS[0], arguments: { intent: `step_${step}` } } },
      { call: { tool: TOOLS[1], arguments: { note: `Step ${step}.` } } },
      { call: { tool: TOOLS[2] } },
    ];
    // biome-ignore lint/suspicious/noThenProperty: a word of the scenario's language; never awaited
    reply = { do: calls, then: reply };
  }
  return JSON.stringify({ turns: [{ hears: 'Do it.', ...(reply as object) }] });
}
