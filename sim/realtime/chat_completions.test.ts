import { describe, expect, it } from 'vitest';
import { parseScenario } from './scenario.ts';
import { closeClients, serve } from './test_server.ts';

closeClients();

const SCHEMA = {
  type: 'object',
  properties: {
    summary: { type: 'string' },
    interested: { type: ['boolean', 'null'] },
    plan: { anyOf: [{ type: 'string', enum: ['basic', 'pro'] }, { type: 'null' }] },
    outcome: { type: 'string', enum: ['INTERESTED', 'UNKNOWN'] },
  },
  required: ['summary', 'interested', 'plan', 'outcome'],
  additionalProperties: false,
};

function ask(url: string, schema: object = SCHEMA, key = 'sk-made-up') {
  return fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'gpt-6-luna',
      messages: [{ role: 'user', content: 'Caller: Hello.' }],
      response_format: { type: 'json_schema', json_schema: { name: 'call', strict: true, schema } },
    }),
  });
}

interface Choice {
  message: { content: string };
}

async function answer(url: string) {
  const { choices } = (await (await ask(url)).json()) as { choices: [Choice] };
  return choices[0];
}

const content = async (url: string) => JSON.parse((await answer(url)).message.content);

describe('a chat completion', () => {
  it('is the form, filled in with what the scenario has and the least that fits', async () => {
    const server = await serve('extraction: { summary: A call., plan: pro, unasked: 1 }');
    expect(await content(server.url)).toEqual({
      summary: 'A call.',
      interested: null,
      plan: 'pro',
      outcome: 'UNKNOWN',
    });
    expect(server.chat.requests).toMatchObject([
      {
        model: 'gpt-6-luna',
        messages: [{ content: 'Caller: Hello.' }],
        said: expect.stringContaining('A call.'),
      },
    ]);
  });

  it('is one step of the script for each request, and the last one from then on', async () => {
    const server = await serve(`extraction:
  - { $status: 429, $retry_after: 7 }
  - { $status: 200, $body: "<html>" }
  - { $say: '{"summary":', $finish: length }
  - { $refuse: I cannot. }
  - { outcome: INTERESTED }
`);
    const limited = await ask(server.url);
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7']);
    expect(await (await ask(server.url)).text()).toBe('<html>');
    expect(await answer(server.url)).toMatchObject({
      finish_reason: 'length',
      message: { content: '{"summary":' },
    });
    expect(await answer(server.url)).toMatchObject({
      message: { content: null, refusal: 'I cannot.' },
    });
    for (const _ of [1, 2]) expect((await content(server.url)).outcome).toBe('INTERESTED');
    server.setScenario('extraction: { summary: Another. }');
    expect((await content(server.url)).summary).toBe('Another.');
  });

  it('can be cut off', async () => {
    const server = await serve('extraction: { $drop: true }');
    await expect(ask(server.url)).rejects.toThrow('fetch failed');
  });

  it.each<[string, object]>([
    ['keys that are not required', { ...SCHEMA, required: ['summary'] }],
    ['keys beside them', { ...SCHEMA, additionalProperties: true }],
    [
      'formats',
      {
        ...SCHEMA,
        properties: { ...SCHEMA.properties, summary: { type: 'string', format: 'email' } },
      },
    ],
  ])('is refused for a schema with %s, as strict mode does', async (_, schema) => {
    const server = await serve();
    const refused = await ask(server.url, schema);
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain('Invalid schema');
    expect(server.chat.requests).toEqual([]);
  });

  it('needs the key, and fails with the server', async () => {
    const server = await serve('', { apiKey: 'sk-right' });
    expect((await ask(server.url, SCHEMA, 'sk-wrong')).status).toBe(401);
    await server.setFault('http500');
    expect((await ask(server.url, SCHEMA, 'sk-right')).status).toBe(500);
  });
});

it('a script that mixes values and behaviour is a mistake', () => {
  for (const wrong of ['{ $status: 503, outcome: DNC }', '{ $stauts: 503 }', 'yes']) {
    expect(() => parseScenario(`extraction: ${wrong}`)).toThrow('extraction');
  }
});
