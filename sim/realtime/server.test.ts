import { describe, expect, it } from 'vitest';
import { encodePcm } from './pcm.ts';
import { TestClient } from './test_client.ts';
import {
  ask,
  closeClients,
  connect,
  createItem,
  errorOf,
  responseOf,
  serve,
  soon,
  typed,
  update,
  VAD,
} from './test_server.ts';
import { speechMs, toneSpeech } from './voice.ts';

closeClients();

const withoutRepeats = (types: string[]) => types.filter((type, i) => type !== types[i - 1]);

describe('connecting', () => {
  it('opens a session for the right key only', async () => {
    const server = await serve('', { apiKey: 'sk-made-up' });
    await connect(server);
    await expect(TestClient.open(server.url, { apiKey: 'sk-wrong' })).rejects.toThrow('401');
    await expect(TestClient.open(`${server.url}/elsewhere`)).rejects.toThrow('404');
    expect(server.sessions.map((log) => log.model)).toEqual(['gpt-realtime']);
  });

  it('answers a probe of the models', async () => {
    const server = await serve('', { apiKey: 'sk-made-up' });
    const probe = (key: string) =>
      fetch(`${server.url}/models`, { headers: { authorization: `Bearer ${key}` } });
    expect((await probe('sk-made-up')).status).toBe(200);
    expect((await probe('sk-wrong')).status).toBe(401);
  });

  it('lets a test wait for a session that is still to come', async () => {
    const server = await serve();
    const second = server.waitForSession(soon(), 1);
    await connect(server);
    const { log } = await connect(server);
    expect(await second).toBe(log);
  });
});

describe('the session', () => {
  it('merges its updates and keeps them for the test', async () => {
    const { client, log } = await connect(await serve());
    update(client, { instructions: 'Be kind.', audio: { output: { voice: 'cedar' } } });
    update(client, { tools: [{ type: 'function', name: 'end_call', parameters: {} }] });
    const updated = (await client.until('session.updated', 2)).session as Record<string, unknown>;
    expect(updated).toMatchObject({
      instructions: 'Be kind.',
      tools: [{ name: 'end_call' }],
      audio: { input: { turn_detection: { type: 'server_vad' } }, output: { voice: 'cedar' } },
    });
    expect(log.config).toMatchObject({ instructions: 'Be kind.', tools: [{ name: 'end_call' }] });
    expect(log.updates).toHaveLength(2);
  });

  it('refuses another voice once it has spoken', async () => {
    const { client } = await connect(await serve('opening: Hi.'));
    ask(client, 'r1');
    await client.until('response.done');
    update(client, { audio: { output: { voice: 'cedar' } } });
    expect(errorOf(await client.until('error')).code).toBe('cannot_update_voice');
  });

  it('answers an event it does not understand with an error and lives on', async () => {
    const { client } = await connect(await serve());
    client.send({ type: 'no.such.event' });
    expect(errorOf(await client.until('error')).code).toBe('invalid_value');
    client.send({ type: 'input_audio_buffer.clear' });
    await client.until('input_audio_buffer.cleared');
  });
});

describe('a response', () => {
  it('sends the events of speech in OpenAI’s order, with the whole audible code', async () => {
    const { client, log } = await connect(await serve('opening: Hello there, caller.'));
    ask(client, 'r1');
    const done = await client.until('response.done');
    expect(withoutRepeats(client.types)).toEqual([
      'session.created',
      'response.created',
      'response.output_item.added',
      'conversation.item.added',
      'response.content_part.added',
      ...Array(3)
        .fill(['response.output_audio_transcript.delta', 'response.output_audio.delta'])
        .flat(),
      'response.output_audio.done',
      'response.output_audio_transcript.done',
      'response.content_part.done',
      'response.output_item.done',
      'conversation.item.done',
      'response.done',
    ]);
    expect(responseOf(await client.until('response.created')).metadata).toEqual({
      client_event_id: 'r1',
    });
    expect(responseOf(done)).toMatchObject({
      status: 'completed',
      usage: { output_token_details: { audio_tokens: expect.any(Number) } },
    });
    const audio = client.ofType('response.output_audio.delta').map(({ delta }) => String(delta));
    const whole = Buffer.concat(audio.map((delta) => Buffer.from(delta, 'base64')));
    expect(whole.toString('base64')).toBe(encodePcm(toneSpeech('Hello there, caller.')));
    expect(log.responses[0]).toMatchObject({
      cause: 'opening',
      status: 'completed',
      text: 'Hello there, caller.',
      audioMs: speechMs('Hello there, caller.'),
    });
  });

  it('refuses a second one while the first is active', async () => {
    const { client } = await connect(await serve('opening: A long sentence.', { speed: 4 }));
    ask(client, 'r1');
    ask(client, 'r2');
    expect(errorOf(await client.until('error'))).toMatchObject({
      code: 'conversation_already_has_active_response',
      event_id: 'r2',
    });
    expect(responseOf(await client.until('response.done')).status).toBe('completed');
  });

  it('stops when it is cancelled, its item closed as incomplete', async () => {
    const long = 'word '.repeat(100).trim();
    const { client, log } = await connect(await serve(`opening: ${long}`, { speed: 4 }));
    ask(client, 'r1');
    await client.until('response.output_audio.delta');
    client.send({ type: 'response.cancel' });
    expect(responseOf(await client.until('response.done'))).toMatchObject({
      status: 'cancelled',
      status_details: { type: 'cancelled', reason: 'client_cancelled' },
    });
    expect((await client.until('response.output_item.done')).item).toMatchObject({
      status: 'incomplete',
    });
    expect(log.responses[0]!.audioMs).toBeLessThan(speechMs(long));

    client.send({ type: 'response.cancel', event_id: 'c2' });
    expect(errorOf(await client.until('error'))).toMatchObject({
      code: 'response_cancel_not_active',
      event_id: 'c2',
      message: expect.stringMatching(/^Cancellation failed/),
    });
  });

  it('says exactly what its instructions dictate, however the session’s stand before', async () => {
    const { client, log } = await connect(await serve('opening: Something of my own.'));
    update(client, { instructions: 'You are Sarah. Say exactly: "never this".' });
    ask(client, 'r1', {
      instructions:
        'You are Sarah. Say exactly: "never this".\nGreet. Say exactly: "Hi \\"there\\""',
    });
    await client.until('response.done');
    ask(client, 'r2', { instructions: 'The look-up has finished: status Gold.' });
    await client.until('response.done', 2);
    expect(log.said).toEqual(['Hi "there"', 'The look-up has finished: status Gold.']);
    expect(log.responses.map(({ cause }) => cause)).toEqual(['instructed', 'instructed']);
  });

  it('opens by itself where the instructions dictate nothing', async () => {
    const { client, log } = await connect(await serve('opening: Hi, this is Northwind.'));
    ask(client, 'r1', { instructions: 'Greet the caller.' });
    await client.until('response.done');
    ask(client, 'r2', { instructions: 'Ask whether the caller is still there.' });
    await client.until('response.done', 2);
    expect(log.said).toEqual(['Hi, this is Northwind.', 'Ask whether the caller is still there.']);
  });
});

describe('the conversation', () => {
  it('acknowledges items with their place, and refuses what does not fit', async () => {
    const { client } = await connect(await serve());
    createItem(client, typed('a', 'one'));
    createItem(client, typed('b', 'two'));
    createItem(client, typed('c', 'three'), 'a');
    createItem(client, typed('d', 'four'), 'root');
    createItem(client, typed('a', 'again'));
    createItem(client, typed('e', 'five'), 'nowhere');
    await client.until('error', 2);
    const added = client.ofType('conversation.item.added');
    expect(added.map(({ previous_item_id: previous }) => previous)).toEqual([null, 'a', 'a', null]);
    expect(client.ofType('error').map((event) => errorOf(event).event_id)).toEqual([
      'create_a',
      'create_e',
    ]);

    client.send({ type: 'conversation.item.delete', item_id: 'b' });
    expect((await client.until('conversation.item.deleted')).item_id).toBe('b');
    client.send({ type: 'conversation.item.delete', item_id: 'b', event_id: 'del' });
    expect(errorOf(await client.until('error', 3))).toMatchObject({
      code: 'item_delete_invalid_item_id',
      event_id: 'del',
    });
  });

  it('truncates spoken items, but not to more than was spoken', async () => {
    const { client, log } = await connect(await serve('opening: Hello.'));
    ask(client, 'r1');
    await client.until('response.done');
    const { id } = (await client.until('response.output_item.done')).item as { id: string };
    const truncate = (itemId: string, audioEndMs: number) =>
      client.send({
        type: 'conversation.item.truncate',
        item_id: itemId,
        content_index: 0,
        audio_end_ms: audioEndMs,
      });
    truncate(id, 99_999);
    expect(errorOf(await client.until('error')).code).toBe('invalid_value');
    truncate('nowhere', 1);
    expect(errorOf(await client.until('error', 2)).code).toBe('item_truncate_invalid_item_id');
    truncate(id, 120);
    expect(await client.until('conversation.item.truncated')).toMatchObject({ audio_end_ms: 120 });
    expect(log.truncations).toMatchObject([{ itemId: id, audioEndMs: 120 }]);
  });

  it('answers text by rule, and text that a turn hears by that turn', async () => {
    const { client, log } = await connect(
      await serve(`
turns: [{ hears: What is my status?, say: Gold. }]
on_text: [{ contains: pressed 1, say: "You chose one: {{ text }}." }]
otherwise: Pardon?
`),
    );
    const exchange = async (id: string, text: string) => {
      createItem(client, typed(id, text));
      ask(client, `r_${id}`);
      await client.until('response.done', log.responses.length + 1);
    };
    await exchange('a', 'The caller PRESSED 1');
    await exchange('b', 'Nonsense');
    await exchange('c', 'What is my status?');
    expect(log.said).toEqual(['You chose one: The caller PRESSED 1.', 'Pardon?', 'Gold.']);
  });

  it('takes replayed history for what it is', async () => {
    const { client, log } = await connect(
      await serve('turns: [{ hears: First., say: One. }, { hears: Second., say: Two. }]'),
      VAD,
    );
    createItem(client, typed('a', 'Hello.', 'assistant'));
    createItem(client, typed('b', 'First.'));
    createItem(client, typed('c', 'One.', 'assistant'));
    client.speak();
    await client.until('response.done');
    expect(log.callerTurns.map(({ transcript }) => transcript)).toEqual(['Second.']);
    expect(log.said).toEqual(['Two.']);
  });
});

describe('the caller', () => {
  it('is heard, transcribed and answered', async () => {
    const { client, log } = await connect(
      await serve('turns: [{ hears: Is anybody there?, say: "You said: {{ caller }}" }]'),
      VAD,
    );
    client.speak();
    await client.until('response.done');
    expect(client.types.slice(2, 7)).toEqual([
      'input_audio_buffer.speech_started',
      'input_audio_buffer.speech_stopped',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
    ]);
    const completed = await client.until('conversation.item.input_audio_transcription.completed');
    expect(completed).toMatchObject({
      transcript: 'Is anybody there?',
      item_id: (await client.until('input_audio_buffer.speech_started')).item_id,
    });
    expect(responseOf(await client.until('response.created')).metadata).toBeNull();
    expect(log.said).toEqual(['You said: Is anybody there?']);
    expect(log.audio).toMatchObject({ ms: 900, loudMs: 300 });
  });

  it('interrupts the response that is being spoken', async () => {
    const { client, log } = await connect(
      await serve(`{ opening: ${'word '.repeat(100)}, turns: [{ hears: Stop., say: Sorry. }] }`, {
        speed: 4,
      }),
      VAD,
    );
    ask(client, 'r1');
    await client.until('response.output_audio.delta');
    client.speak();
    expect(responseOf(await client.until('response.done'))).toMatchObject({
      status: 'cancelled',
      status_details: { reason: 'turn_detected' },
    });
    await client.until('response.done', 2);
    expect(log.responses.map(({ status }) => status)).toEqual(['cancelled', 'completed']);
    expect(log.said.at(-1)).toBe('Sorry.');
  });

  it('interrupts nothing and starts nothing where the session says so', async () => {
    const { client, log } = await connect(
      await serve('{ opening: A sentence., turns: [{ hears: Hm?, say: Yes. }] }', { speed: 4 }),
      { ...VAD, create_response: false, interrupt_response: false },
    );
    ask(client, 'r1');
    client.speak();
    await client.until('input_audio_buffer.committed');
    await client.until('response.done');
    expect(log.responses.map(({ status }) => status)).toEqual(['completed']);
    ask(client, 'r2');
    await client.until('response.done', 2);
    expect(log.said).toEqual(['A sentence.', 'Yes.']);
  });

  it('ends a turn by commit where there is no turn detection', async () => {
    const { client, log } = await connect(await serve('turns: [{ hears: Hm?, say: Yes. }]'));
    update(client, { audio: { input: { turn_detection: null } } });
    client.send({ type: 'input_audio_buffer.commit', event_id: 'early' });
    expect(errorOf(await client.until('error'))).toMatchObject({
      code: 'input_audio_buffer_commit_empty',
      event_id: 'early',
    });
    client.speak();
    client.send({ type: 'input_audio_buffer.commit' });
    ask(client, 'r1');
    await client.until('response.done');
    expect(client.types).not.toContain('input_audio_buffer.speech_started');
    expect(log.said).toEqual(['Yes.']);
  });
});

describe('tools', () => {
  const CALLS = `
turns:
  - hears: My account, please.
    do:
      - say: One moment.
      - call: { tool: record_intent, arguments: { intent: account, words: "{{ caller }}" } }
      - call: { tool: lookup_crm }
      - say: Nearly there.
    then:
      do:
        - say: "{{ result.lookup_crm.contact.name }} is {% if result.lookup_crm.contact.vip %}a VIP{% endif %}."
        - call: { tool: update_crm_note, arguments: { note: Asked. } }
      then: Noted.
`;

  it('are called between sentences, and their results lead on', async () => {
    const { client, log } = await connect(await serve(CALLS), VAD);
    update(client, { tools: [{ type: 'function', name: 'lookup_crm' }] });
    client.speak();
    await client.until('response.done');
    const done = client.ofType('response.output_item.done').map(({ item }) => item);
    expect(done).toMatchObject([
      { type: 'message' },
      {
        type: 'function_call',
        name: 'record_intent',
        arguments: '{"intent":"account","words":"My account, please."}',
      },
      { type: 'function_call', name: 'lookup_crm', arguments: '{}' },
      { type: 'message' },
    ]);
    expect(log.toolCalls).toMatchObject([
      { tool: 'record_intent', declared: false, arguments: { intent: 'account' } },
      { tool: 'lookup_crm', declared: true },
    ]);

    const answers = [{ status: 'recorded' }, { contact: { name: 'Ada', vip: true } }];
    for (const [i, output] of answers.entries()) {
      createItem(client, {
        id: `out${i}`,
        type: 'function_call_output',
        call_id: log.toolCalls[i]!.callId,
        output: JSON.stringify(output),
      });
    }
    ask(client, 'r1');
    await client.until('response.done', 2);
    createItem(client, {
      id: 'out2',
      type: 'function_call_output',
      call_id: log.toolCalls[2]!.callId,
      output: 'not JSON',
    });
    ask(client, 'r2');
    await client.until('response.done', 3);
    expect(log.said).toEqual(['One moment. Nearly there.', 'Ada is a VIP.', 'Noted.']);
    expect(log.toolResults.map(({ callId }) => callId)).toEqual(
      log.toolCalls.map(({ callId }) => callId),
    );
    const [called] = log.toolCalls;
    expect(log.toolResults[0]!.receivedAt).toBeGreaterThanOrEqual(called!.sentAt);
  });

  it('are left out of a response with tool_choice none', async () => {
    const { client, log } = await connect(
      await serve('opening: { do: [{ say: Hi. }, { call: { tool: end_call } }] }'),
    );
    ask(client, 'r1', { tool_choice: 'none' });
    await client.until('response.done');
    expect(log.said).toEqual(['Hi.']);
    expect(log.toolCalls).toEqual([]);
  });

  it('results of an unknown call are refused', async () => {
    const { client, log } = await connect(await serve());
    createItem(client, { type: 'function_call_output', id: 'o', call_id: 'call_x', output: '{}' });
    expect(errorOf(await client.until('error'))).toMatchObject({
      code: 'invalid_tool_call_id',
      event_id: 'create_o',
    });
    expect(log.toolResults).toMatchObject([{ callId: 'call_x' }]);
  });
});

describe('the log', () => {
  it('lets a test wait for what happens, and gives up with the signal', async () => {
    const { client, log } = await connect(await serve('opening: Hello.'));
    const spoke = log.waitFor(({ said }) => said.find((text) => text === 'Hello.'), soon());
    const never = new AbortController();
    const waiting = log.waitFor(() => false, never.signal);
    ask(client, 'r1');
    expect(await spoke).toBe('Hello.');
    never.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    client.close();
    await log.waitFor(({ closedAt }) => closedAt, soon());
  });

  it('holds every event but no audio', async () => {
    const { client, log } = await connect(await serve('opening: Hello.'), VAD);
    client.speak();
    await client.until('response.done');
    const text = JSON.stringify(log.events);
    expect(text).not.toContain('input_audio_buffer.append');
    const deltas = log.events.filter(({ event }) => event.type === 'response.output_audio.delta');
    expect(deltas[0]!.event).toMatchObject({ audio_ms: 200 });
    expect(text.length).toBeLessThan(20_000);
  });
});
