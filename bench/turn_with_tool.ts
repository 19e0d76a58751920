import { babble } from '../sim/phone/speech.ts';
import { DEADLINE_MS, endOfUtterance, quiet } from './listening.ts';
import type { Measurement } from './measurement.ts';
import type { OurSide } from './our_side.ts';
import { median, spread } from './statistics.ts';
import { Undisturbed } from './undisturbed.ts';

const PAIRS_PER_CALL = 4;
const REPLY = 'Of course, one moment.';

/** Of such a length that the stand-in for a voice breaks off at its loudest, not in a breath. */
const UTTERANCE_MS = 625;

/**
 * From the last word of the caller to the first sound of the agent, in one call: turns in which the
 * model just answers, and turns in which it first asks a CRM that hangs. The same words are said in
 * both. Which of a pair comes first alternates.
 */
export const turnWithTool: Measurement = {
  name: 'turns',
  about: 'the caller stops speaking → the agent speaks: with a tool whose CRM hangs, and without',
  run: async ({ pairs, quick, lab, log }) => {
    const ours = await lab.ours();
    const samples: { plain: number; tool: number }[] = [];
    const undisturbed = new Undisturbed(quick ? 0 : Math.ceil(pairs / PAIRS_PER_CALL), log);
    let asked = 0;
    while (asked < pairs) {
      const now = Math.min(PAIRS_PER_CALL, pairs - asked);
      try {
        samples.push(...(await undisturbed.measure(() => measureCall(ours, now))));
      } catch (error) {
        log(`turns: a call broke: ${error}`);
      }
      asked += now;
      log(`turns ${asked}/${pairs}`);
    }
    const ratios = samples.map(({ plain, tool }) => tool / plain);
    const plain = samples.map((pair) => pair.plain);
    const tool = samples.map((pair) => pair.tool);
    return [
      {
        what: 'the agent answers, with a hanging tool / without a tool',
        value: samples.length > 0 ? median(ratios) : null,
        unit: '×',
        atMost: 1.1,
        n: samples.length,
        failures: pairs - samples.length,
        details: {
          ...spread('without', plain),
          ...spread('with', tool),
          ...undisturbed.details,
        },
        samples: { without: plain, with: tool },
      },
    ];
  },
};

type Turn = 'plain' | 'tool';

async function measureCall(ours: OurSide, pairs: number): Promise<Record<Turn, number>[]> {
  const measured: Record<Turn, number>[] = [];
  const order = Array.from({ length: pairs }, (_, i): [Turn, Turn] =>
    i % 2 === 0 ? ['plain', 'tool'] : ['tool', 'plain'],
  );
  const { backend } = ours.installation;
  ours.model.setScenario(scenario(order.flat()));
  backend.behave('lookup', { mode: 'hang' });
  await ours.settled();
  const call = await ours.dial();
  try {
    let after = await endOfUtterance(call, 0);
    for (const turns of order) {
      const pair = { plain: 0, tool: 0 };
      for (const turn of turns) {
        await quiet(call);
        const { endedAt } = await call.play(babble(UTTERANCE_MS));
        const { at } = await call.heard.waitForSound({ after: endedAt, deadlineMs: DEADLINE_MS });
        pair[turn] = at - endedAt;
        after = await endOfUtterance(call, endedAt);
        // What the look-up came to is said by itself, 5 s later.
        if (turn === 'tool') after = await endOfUtterance(call, after);
      }
      measured.push(pair);
    }
    return measured;
  } finally {
    await call.hangUp();
    backend.behave('lookup', { mode: 'ok' });
  }
}

function scenario(turns: readonly Turn[]): string {
  return JSON.stringify({
    turns: turns.map((turn) =>
      turn === 'plain'
        ? { hears: 'And?', say: REPLY }
        : // biome-ignore lint/suspicious/noThenProperty: a word of the scenario's language; never awaited
          { hears: 'And?', do: [{ call: { tool: 'lookup_crm' } }], then: REPLY },
    ),
    on_instructed:
      "{% if instructed contains 'look-up' %}No luck.{% else %}{{ instructed }}{% endif %}",
  });
}
