import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { babble } from '../sim/phone/speech.ts';
import { clock } from '../sim/realtime/session_log.ts';
import { type Answered, greeted } from './answering.ts';
import { DEADLINE_MS, endOfUtterance, quiet } from './listening.ts';
import type { Measurement } from './measurement.ts';
import { GREETING, type OurSide } from './our_side.ts';
import type { Line } from './result.ts';
import { median, quantile, spread } from './statistics.ts';
import { Undisturbed } from './undisturbed.ts';

const START_HOOK_MS = 100;
/** What a look-up in the backend's own database would take. */
const TOOL_HOOK_MS = 20;
/** Before each tool call, as no model answers sooner. */
const THINKING_MS = 200;
const CALLS_OF_TOOLS = 4;
const TURNS = 4;
const STEPS = 12;

/**
 * What a backend of one's own costs: the answer of a phone with a start hook that takes 100 ms, against the
 * bare agent that asks nobody; and of the backend's tools the way there, from the model's call to the whole
 * request at the backend, and the way back, from the answer's last byte to the result at the model. Clocks
 * are one: model and backend stand in this process.
 */
export const hooks: Measurement = {
  name: 'hooks',
  about: 'start hook: INVITE → 200 OK against a bare agent; a backend’s tool, there and back',
  run: async ({ pairs, quick, lab, log }) => {
    const ours = await lab.ours();
    const bare = await lab.bare();
    const backend = await HookBackend.start();
    const restore = await backendInProfile(ours, backend.url);
    try {
      ours.model.setScenario('opening: $instructed\n');
      const rounds: { bare: number; ours: number }[] = [];
      const warmUps = quick ? 0 : 2;
      let failures = 0;
      const undisturbed = new Undisturbed(quick ? 0 : pairs + CALLS_OF_TOOLS, log);
      for (let i = -warmUps; i < pairs; i++) {
        try {
          const measure = async (): Promise<[Answered, Answered]> => {
            if (i % 2 === 0) return [await greeted(ours), await greeted(bare)];
            const its = await greeted(bare);
            return [await greeted(ours), its];
          };
          const [mine, its] = await (i < 0 ? measure() : undisturbed.measure(measure));
          log(
            `hooks ${i + 1}/${pairs}: ours ${mine.answerMs.toFixed(0)}, bare ${its.answerMs.toFixed(0)} ms`,
          );
          if (i >= 0) rounds.push({ bare: its.answerMs, ours: mine.answerMs });
        } catch (error) {
          if (i >= 0) failures += 1;
          log(`hooks: a round broke: ${error}`);
        }
      }
      const plan = quick
        ? { calls: 1, turns: 1, steps: 2 }
        : { calls: CALLS_OF_TOOLS, turns: TURNS, steps: STEPS };
      const trips: Trip[] = [];
      for (let i = 0; i < plan.calls; i++) {
        const measure = () => callTools(ours, backend, plan);
        const measured = await undisturbed.measure(measure).catch((error) => {
          log(`hooks: a call with tools broke: ${error}`);
          return [];
        });
        trips.push(...measured);
        log(`hooks, tools ${i + 1}/${plan.calls}`);
      }
      const wanted = plan.calls * plan.turns * plan.steps;
      const lines = [answerLine(rounds, failures), ...tripLines(trips, wanted)];
      return lines.map((line) => ({
        ...line,
        details: { ...line.details, ...undisturbed.details },
      }));
    } finally {
      await restore();
      await backend.stop();
    }
  },
};

/** The profile of our side with hooks; returns what takes them out again. The next call uses it. */
async function backendInProfile(ours: OurSide, url: string): Promise<() => Promise<void>> {
  const file = join(ours.installation.environment.AGENTS_DIR ?? '', 'front-desk.yaml');
  const before = await readFile(file, 'utf8');
  const rule = `hooks: { on_call_start: "${url}/start", on_tool_call: "${url}/tool" }\n`;
  await writeFile(file, before + rule);
  return () => writeFile(file, before);
}

/** Of one tool call, milliseconds. */
interface Trip {
  there: number;
  back: number;
}

async function callTools(
  ours: OurSide,
  backend: HookBackend,
  { turns, steps }: { turns: number; steps: number },
): Promise<Trip[]> {
  const { model } = ours;
  await ours.settled();
  model.setScenario(scenario(turns, steps));
  const before = model.sessions.length;
  backend.asked.clear();
  const call = await ours.dial();
  try {
    const session = await model.waitForSession(AbortSignal.timeout(DEADLINE_MS), before);
    let after = await endOfUtterance(call, 0);
    for (let turn = 0; turn < turns; turn++) {
      await quiet(call);
      await call.play(babble(700));
      after = await endOfUtterance(call, after);
    }
    return session.toolCalls.flatMap(({ callId, sentAt }) => {
      const asked = [...backend.asked].find(([key]) => key.endsWith(`:${callId}`))?.[1];
      const result = session.toolResults.find((one) => one.callId === callId);
      if (!asked || !result) return [];
      return [{ there: asked.at - sentAt, back: result.receivedAt - asked.answeredAt }];
    });
  } finally {
    await call.hangUp();
  }
}

/** Turns of so many responses, each of which only calls the backend's tool. */
function scenario(turns: number, steps: number): string {
  let reply: unknown = 'Done.';
  for (let step = 0; step < steps; step++) {
    const calls = { call: { tool: 'check', arguments: { date: 'April 15', size: 'small' } } };
    // biome-ignore lint/suspicious/noThenProperty: a word of the scenario's language; never awaited
    reply = { do: [{ pause_ms: THINKING_MS }, calls], then: reply };
  }
  return JSON.stringify({
    turns: Array.from({ length: turns }, () => ({ hears: 'Do it.', ...(reply as object) })),
  });
}

/** A backend in this process, which notes by its clock when it was asked and when it has answered. */
class HookBackend {
  /** By `Idempotency-Key`. */
  readonly asked = new Map<string, { at: number; answeredAt: number }>();
  readonly #server = createServer(async (request, response) => {
    for await (const _ of request);
    const at = clock();
    if (request.url === '/start') {
      await sleep(START_HOOK_MS);
      return send(response, AGENT);
    }
    await sleep(TOOL_HOOK_MS);
    this.asked.set(String(request.headers['idempotency-key']), { at, answeredAt: clock() });
    return send(response, { result: 'We have 3 units on April 15.' });
  });

  static async start(): Promise<HookBackend> {
    const backend = new HookBackend();
    backend.#server.listen(0, '127.0.0.1');
    await once(backend.#server, 'listening');
    return backend;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

const AGENT = {
  systemPrompt: 'You are the front desk of Northwind.',
  greeting: GREETING,
  metadata: { customerId: 'cust_1' },
  tools: [
    {
      type: 'function',
      name: 'check',
      description: 'Checks a date.',
      parameters: {
        type: 'object',
        properties: { date: { type: 'string' }, size: { enum: ['small', 'large'] } },
        required: ['date'],
      },
    },
  ],
};

function send(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

type HookLine = Omit<Line, 'measurement'>;

function answerLine(rounds: readonly { bare: number; ours: number }[], failures: number): HookLine {
  const differences = rounds.map(({ bare, ours }) => ours - bare);
  const [bares, mine] = [rounds.map(({ bare }) => bare), rounds.map(({ ours }) => ours)];
  return {
    what: 'INVITE → 200 OK, start hook in 100 ms: ours - bare',
    value: rounds.length > 0 ? median(differences) : null,
    unit: 'ms',
    atMost: 150,
    n: rounds.length,
    failures,
    details: {
      ...spread('bare', bares),
      ...spread('ours', mine),
      ...spread('difference', differences),
    },
    samples: { bare: bares, ours: mine },
  };
}

function tripLines(trips: readonly Trip[], wanted: number): HookLine[] {
  const line = (what: string, way: keyof Trip): HookLine => {
    const values = trips.map((trip) => trip[way]);
    return {
      what,
      value: values.length > 0 ? quantile(values, 0.99) : null,
      unit: 'ms',
      atMost: 20,
      n: values.length,
      failures: wanted - values.length,
      details: spread(way, values),
      samples: { [way]: values },
    };
  };
  return [
    line('tool call → request at the backend: p99', 'there'),
    line('answer of the backend → result at the model: p99', 'back'),
  ];
}
