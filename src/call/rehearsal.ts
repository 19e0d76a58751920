import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { logger } from '../config/log.ts';
import { toE164 } from '../config/phone_number.ts';
import { renderTemplate } from '../config/template.ts';
import { templateVariables } from '../config/template_variables.ts';
import { createCrm } from '../crm/select_crm.ts';
import { createReachAgents } from '../delivery/reach_agents.ts';
import { draftEvent } from '../events/catalogue.ts';
import { readHookTools } from '../hooks/hook_tools.ts';
import { askStartHook } from '../hooks/start_hook.ts';
import { newId } from '../ids.ts';
import { LedgerClient } from '../ledger/client.ts';
import { livekitApi } from '../telephony/livekit_api.ts';
import type { CallRuntime } from './call_runtime.ts';
import { rehearseTurn } from './rehearsed_turn.ts';

/** Made up. */
const NUMBER = '+15550100000';

const LIMIT_MS = 5_000;

type Rehearsed = Pick<CallRuntime, 'profiles' | 'socketPath' | 'spoolDir'>;

/**
 * Does, while a process idles, what its call will do before the phone is answered, and in a turn with
 * tools. Code that runs for the first time is compiled first: before the answer 46 ms of CPU in which
 * nothing else of the call went on, 16 ms after a rehearsal (measured; on a machine that is busy with
 * calls several times as long).
 *
 * The CRM, the backend, the model and the LiveKit that hear of it are stand-ins on the loopback interface, the
 * real ones do not; the worker's ledger is asked a question and told nothing. Never rejects: a call that was not
 * rehearsed is only slower.
 */
export async function rehearse(runtime: Rehearsed): Promise<void> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  // Where no profile has hooks nobody's tools are checked and no backend is asked.
  const hooks = runtime.profiles.all.some((profile) => profile.hooks !== null);
  const parts = [
    () => rehearseText(runtime),
    ...(hooks ? [() => rehearseTools()] : []),
    () => rehearseLedger(runtime, signal),
    () => rehearseOutside({ hooks, signal }),
    () => rehearseTurn(signal),
  ];
  for (const part of parts) {
    try {
      await part();
    } catch (error) {
      logger('call').debug({ err: error }, 'a part of the rehearsal failed');
    }
  }
}

function rehearseText({ profiles }: Rehearsed): void {
  const contact = { name: 'Nobody' };
  const variables = templateVariables({ contact, call: { from: NUMBER }, variables: {} });
  toE164(NUMBER, { near: NUMBER });
  draftEvent('call.started', {}, { time: Date.now() });
  for (const { prompt, firstMessage, disclosure } of profiles.all) {
    for (const text of [prompt, firstMessage, disclosure])
      if (text) renderTemplate(text, variables);
  }
}

async function rehearseLedger(runtime: Rehearsed, signal: AbortSignal): Promise<void> {
  const { socketPath, spoolDir } = runtime;
  const ledger = new LedgerClient({ callId: newId('call'), lease: 1, socketPath, spoolDir });
  try {
    await ledger.request('calls.countLive', { from: NUMBER }, signal);
  } finally {
    await ledger.close({ deadlineMs: LIMIT_MS });
  }
}

/** What a CRM answers, a start hook, and LiveKit. */
const ANSWER = JSON.stringify({
  results: [{ id: '1', name: 'Nobody', phone: NUMBER }],
  systemPrompt: 'Nobody calls.',
});

/** Compiling the rules for schemas takes some 20 ms, once. */
function rehearseTools(): void {
  const parameters = { type: 'object', properties: { word: { type: 'string', pattern: '^a' } } };
  const { tools } = readHookTools([{ name: 'rehearsal', parameters }]);
  for (const { check } of tools) check({ word: 'a' });
}

/**
 * The requests: to a CRM with one contact, a backend that says little, a LiveKit that dials nobody. The
 * first to a LiveKit alone takes 100 ms and more, most of it compiling.
 */
async function rehearseOutside({
  hooks,
  signal,
}: {
  hooks: boolean;
  signal: AbortSignal;
}): Promise<void> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(ANSWER);
  });
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening', { signal });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const crm = createCrm({ adapter: 'http', url, apiKey: undefined }, noLedger);
    await Promise.all([
      crm.findByPhone(NUMBER, signal),
      hooks && rehearseStartHook(new URL(url), signal),
      livekitApi({ url, ...NO_KEY }).sip.createSipParticipant('none', NUMBER, 'none'),
    ]);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function rehearseStartHook(url: URL, signal: AbortSignal): Promise<void> {
  const agents = createReachAgents({ connectTimeoutMs: LIMIT_MS });
  try {
    await askStartHook(
      agents,
      { url, reach: 'operator', secret: 'none' },
      { ...NO_CALL, callId: newId('call') },
      { deadlineMs: LIMIT_MS, signal },
    );
  } finally {
    for (const agent of Object.values(agents)) await agent.destroy();
  }
}

const NO_CALL = {
  from: NUMBER,
  to: NUMBER,
  direction: 'inbound',
  contact: null,
  resumed: false,
} as const;

const NO_KEY = { apiKey: 'none', apiSecret: 'none' };

const noLedger = { request: () => Promise.reject(new Error('the http adapter asks no ledger')) };
