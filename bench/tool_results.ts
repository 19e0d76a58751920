import { babble } from '../sim/phone/speech.ts';
import type { SessionLog } from '../sim/realtime/session_log.ts';
import { DEADLINE_MS, endOfUtterance, quiet } from './listening.ts';
import type { Measurement } from './measurement.ts';
import type { OurSide } from './our_side.ts';
import type { Line } from './result.ts';
import type { Side } from './side.ts';
import { quantile, spread } from './statistics.ts';
import { Undisturbed } from './undisturbed.ts';

const PAIRS_PER_CALL = 10;
const TURNS = 4;

/** Responses in a row that only call tools: fewer than the step limit of a turn. */
const STEPS = 12;

/** Before each of them, as no model answers sooner; what the last step caused is done by then. */
const THINKING_MS = 200;

/**
 * From the model's tool call to its result at the model, on the model's clock. The model says
 * nothing beside the calls: agents-js keeps a result until the speech beside it has been played.
 * Beside it the same of the bare agent, whose tools do nothing but one fsync each.
 */
export const toolResults: Measurement = {
  name: 'tools',
  about: 'tool call → result at the model, with a CRM that answers, hangs and is down',
  run: async ({ pairs, quick, lab, log }) => {
    const ours = await lab.ours();
    const bare = await lab.bare();
    const plan = quick ? { turns: 1, steps: 2 } : { turns: TURNS, steps: STEPS };
    const calls = Math.ceil(pairs / PAIRS_PER_CALL);
    const states = Object.keys(CRM) as CrmState[];
    const measured: Record<CrmState, ToolResult[]> = { answering: [], hanging: [], down: [] };
    const least: number[] = [];
    const undisturbed = new Undisturbed(quick ? 0 : calls * (states.length + 1), log);
    const measure = (side: Side, state: CrmState) =>
      undisturbed.measure(() =>
        measureCall(ours, side, state, plan).catch((broke): Measured => ({ results: [], broke })),
      );
    for (let i = 0; i < calls; i++) {
      const { results, broke } = await measure(bare, 'answering');
      least.push(...results.map(({ ms }) => ms));
      if (broke) log(`tools: a call to the bare agent broke: ${broke}`);
      for (const state of states) {
        const { results, broke } = await measure(ours, state);
        measured[state].push(...results);
        if (broke) log(`tools: a call with a CRM ${state} broke: ${broke}`);
      }
      log(`tools ${i + 1}/${calls}`);
    }
    const wanted = calls * plan.turns * Array.from({ length: plan.steps }, toolsOf).flat().length;
    return states.map((state): Omit<Line, 'measurement'> => {
      const latencies = measured[state].map(({ ms }) => ms);
      const lookUps = measured[state].flatMap(({ tool, ms }) => (tool === LOOKUP ? [ms] : []));
      return {
        what: `tool call → result, CRM ${state}: p99`,
        value: latencies.length > 0 ? quantile(latencies, 0.99) : null,
        unit: 'ms',
        atMost: 20,
        n: latencies.length,
        failures: wanted - latencies.length,
        details: {
          ...spread('result', latencies),
          ...spread('lookup_crm', lookUps),
          ...spread('bare', least),
          ...undisturbed.details,
        },
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

interface ToolResult {
  tool: string;
  ms: number;
}

interface Measured {
  /** What had come when it broke counts. */
  results: ToolResult[];
  broke?: unknown;
}

async function measureCall(
  ours: OurSide,
  side: Side,
  state: CrmState,
  { turns, steps }: { turns: number; steps: number },
): Promise<Measured> {
  const { model } = ours;
  await side.settled();
  model.setScenario(scenario(turns, steps));
  const restore = await CRM[state](ours);
  const before = model.sessions.length;
  const call = await side.dial();
  let session: SessionLog | undefined;
  let broke: Error | undefined;
  try {
    session = await model.waitForSession(AbortSignal.timeout(DEADLINE_MS), before);
    let after = await endOfUtterance(call, 0);
    for (let turn = 0; turn < turns; turn++) {
      await quiet(call);
      await call.play(babble(700));
      after = await endOfUtterance(call, after);
      // What came of a look-up that did not answer at once is announced.
      if (state !== 'answering') after = await endOfUtterance(call, after);
    }
  } catch (cause) {
    const said = session?.said.join(' | ');
    broke = new Error(`${cause}; the model said: ${said}`, { cause });
  } finally {
    await call.hangUp();
    await restore();
  }
  return { results: session ? resultsOf(session) : [], ...(broke && { broke }) };
}

function resultsOf({ toolCalls, toolResults: results }: SessionLog): ToolResult[] {
  return toolCalls.flatMap(({ callId, tool, sentAt }) => {
    const result = results.find((one) => one.callId === callId);
    return result ? [{ tool, ms: result.receivedAt - sentAt }] : [];
  });
}

/** Turns of so many responses, each of which only calls tools. */
function scenario(turns: number, steps: number): string {
  let reply: unknown = 'Done.';
  for (let step = 0; step < steps; step++) {
    const calls = toolsOf(undefined, step).map((tool) => ({ call: CALLS[tool] }));
    const thinks = { pause_ms: THINKING_MS };
    // biome-ignore lint/suspicious/noThenProperty: a word of the scenario's language; never awaited
    reply = { do: [thinks, ...calls], then: reply };
  }
  return JSON.stringify({
    turns: Array.from({ length: turns }, () => ({ hears: 'Do it.', ...(reply as object) })),
    on_instructed:
      "{% if instructed contains 'look-up' %}No luck.{% else %}{{ instructed }}{% endif %}",
  });
}

const LOOKUP = 'lookup_crm';
const CALLS = {
  record_intent: { tool: 'record_intent', arguments: { intent: 'measured' } },
  update_crm_note: { tool: 'update_crm_note', arguments: { note: 'This is measured.' } },
  lookup_crm: { tool: LOOKUP },
};

/**
 * Counted from the end of the turn. A look-up comes last and once a turn: what it comes to is
 * announced, and agents-js would hold the results of later steps back while that is spoken.
 */
function toolsOf(_: unknown, stepFromTheEnd: number): readonly (keyof typeof CALLS)[] {
  return stepFromTheEnd === 0 ? [LOOKUP] : ['record_intent', 'update_crm_note'];
}
