import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createReachAgents } from '../delivery/reach_agents.ts';
import { type BackendServer, backendServer, sendJson } from '../hooks/testing/backend_server.ts';
import { backendTools, takeBackendTools } from './backend_tools.ts';
import { fakeLiveCall } from './testing/fake_live_call.ts';

let backend: BackendServer;
/** Of its answers. */
let status: number;
beforeEach(async () => {
  status = 200;
  backend = await backendServer((response) => {
    if (status === 200) sendJson(response, { result: 'Three left.' });
    else response.writeHead(status).end('broken');
  });
});
afterEach(() => backend[Symbol.asyncDispose]());

/** A call whose backend has one tool, which the model calls. */
async function stock(args: Record<string, unknown>) {
  const { call, ledger } = fakeLiveCall();
  const target = { url: new URL(backend.url), reach: 'operator', secret: 'made-up' } as const;
  const agents = createReachAgents({ connectTimeoutMs: 1_000 });
  const parameters = {
    type: 'object',
    properties: { date: { type: 'string' } },
    required: ['date'],
  };
  const tools = takeBackendTools(call, [{ name: 'stock', parameters }], target);
  const agent = {
    prompt: 'x',
    greeting: undefined,
    recordedGreeting: undefined,
    tools,
    metadata: {},
  };
  call.backend = { rule: {} as never, secret: 'made-up', agents, toolTarget: target, agent };
  const [tool] = backendTools(call);
  const spoken = Promise.resolve({ interrupted: false, saidSomething: false });
  const answer = await tool?.run(args, { toolCallId: 'fc_1', spoken, replied: spoken } as never);
  await Promise.all(Object.values(agents).map((one) => one.destroy()));
  const errors = ledger.events.filter(({ type }) => type === 'call.error');
  return { answer, errors: errors.map(({ data }) => data) };
}

describe('a tool of the backend', () => {
  it('answers the model', async () => {
    const { answer, errors } = await stock({ date: 'today' });
    expect(answer).toEqual({ result: { result: 'Three left.' } });
    expect(errors).toEqual([]);
  });

  it('is not asked with arguments that do not fit', async () => {
    const { answer } = await stock({});
    expect(answer).toMatchObject({ result: { status: 'invalid_arguments' } });
    expect(backend.asked).toEqual([]);
  });

  // Only the worker's log knew of it: whoever runs the backend saw no trace in the events of the call.
  it('that fails is told of in an event, which names it and the status', async () => {
    status = 500;
    const { answer, errors } = await stock({ date: 'today' });
    expect(answer).toMatchObject({ result: { note: expect.any(String) } });
    expect(errors).toEqual([
      { code: 'tool_failed', message: 'the tool stock failed at the backend (500)' },
    ]);
  });
});
