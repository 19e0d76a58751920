import { join } from 'node:path';
import { untilAborted } from '../../src/crm/until_aborted.ts';
import { CallwireError } from '../../src/errors.ts';
import { waitFor } from '../installation/wait_for.ts';
import { CallRefusedError } from '../phone/call.ts';
import { phoneVoice } from '../phone/voice.ts';
import { loadScenario } from '../realtime/scenario.ts';
import { CONTACT, type Running, SCENARIO } from './bring_up.ts';
import { converse } from './caller.ts';
import type { Demo } from './demo_context.ts';
import { type Finding, isDelivered, judge } from './verdict.ts';

const EXPECTED_TOOLS = ['record_intent', 'lookup_crm', 'update_crm_note', 'end_call'];

const RINGING_LIMIT_MS = 30_000;
const DELIVERED_LIMIT_MS = 30_000;
const REASON_LIMIT_MS = 5_000;

/** The call itself, as it happens, then what is to be said of it. Resolves with that. */
export async function placeCall(demo: Demo, running: Running): Promise<Finding[]> {
  const { terminal, signal, folder } = demo;
  const { installation, watch, timeline } = running;
  const { turns } = await loadScenario(SCENARIO);
  terminal.line(`\n${CONTACT.name}, ${CONTACT.phone}, calls ${installation.number}:\n`);

  const recording = join(folder, 'call.wav');
  const call = await installation.dial({ from: CONTACT.phone });
  watch.followPhone(call);
  const recorded = call.record(recording, signal);
  recorded.catch(() => undefined);
  try {
    await call.answered(signal, RINGING_LIMIT_MS).catch((error) => explained(error, running));
    const lines = turns.map(({ hears }) => hears);
    await converse(call, { lines, voice: phoneVoice(), signal });
    await recorded;
    await untilAborted(everythingDelivered(running), signal);
  } finally {
    timeline.end();
  }

  const { backend, model } = installation;
  const findings = judge({
    answeredAt: watch.answeredAt,
    context: watch.first?.context,
    events: watch.first?.events ?? [],
    received: backend.received,
    refused: backend.refused,
    tools: watch.first?.tools ?? [],
    // The stand-in calls all of them, it is told to; a real model decides for itself.
    expectedTools: model ? EXPECTED_TOOLS : [],
  });
  terminal.line();
  for (const { ok, title, detail } of findings) {
    if (ok) terminal.good(title, detail);
    else terminal.bad(title, detail);
  }
  terminal.line(`\n  Recording: ${recording}\n  (stereo: the caller left, the agent right)`);
  if (findings.some(({ ok }) => !ok)) {
    terminal.line(`  Log of the worker: ${join(folder, 'worker.log')}`);
  }
  return findings;
}

/** A refusal of the worker's has its reason in the ledger; the phone only hears 486. */
async function explained(error: unknown, { watch }: Running): Promise<never> {
  if (!(error instanceof CallRefusedError)) throw error;
  const eventOf = (type: string) => watch.first?.events.find((event) => event.type === type);
  const ended = async () => {
    await watch.look();
    return eventOf('call.ended');
  };
  await waitFor(ended, { what: 'the end of the call', deadlineMs: REASON_LIMIT_MS }).catch(
    () => undefined,
  );
  const dataOf = (type: string): Record<string, unknown> =>
    JSON.parse(eventOf(type)?.body ?? '{}').data ?? {};
  const reason = dataOf('call.error').message ?? dataOf('call.ended').end_reason;
  if (reason === undefined) throw error;
  throw new CallwireError(
    'DEMO_CALL_REFUSED',
    `the phone was refused with ${error.status}: ${reason}`,
    {
      remedy: 'The log of the worker says more.',
      cause: error,
    },
  );
}

/**
 * Until the ledger has what came of the call and nothing of it is still to be delivered. Past the
 * limit it is the verdict that says what is missing.
 */
async function everythingDelivered({ installation, watch }: Running): Promise<void> {
  const { received } = installation.backend;
  const delivered = async () => {
    const call = watch.first;
    if (!call?.events.some(({ type }) => type === 'call.completed')) return false;
    // In this order: what a delivery makes happen is in the ledger when it is no longer waiting.
    const waiting = { callId: call.id, state: 'waiting', limit: 1 } as const;
    if ((await watch.store.listDeliveries(waiting)).length > 0) return false;
    await watch.look();
    return call.events
      .filter(isDelivered)
      .every((event) => received.some(({ id }) => id === event.id));
  };
  const options = { what: 'the deliveries', deadlineMs: DELIVERED_LIMIT_MS };
  await waitFor(delivered, options).catch(() => undefined);
  await watch.settled();
}
