import { initializeLogger, voice } from '@livekit/agents';
import { beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { CallJournal } from './call_journal.ts';
import { CallModel } from './realtime_model.ts';
import { rehearseTurn } from './rehearsed_turn.ts';

/*
 * The first tools of a call took 22 to 40 ms, for most of what they run through ran for the first time in
 * that call's process.
 */

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));

it('has each tool run, recorded and answered, as in a call', async () => {
  const recorded = vi.spyOn(CallJournal.prototype, 'tool');
  const told = vi.spyOn(CallModel.prototype, 'session');
  onTestFinished(() => void vi.restoreAllMocks());
  const results: string[] = [];
  told.mockImplementation(function (this: CallModel) {
    told.mockRestore();
    const session = this.session();
    session.on(
      'openai_client_event_queued',
      (event: { item?: { type: string; output: string } }) => {
        if (event.item?.type === 'function_call_output') results.push(event.item.output);
      },
    );
    return session;
  });
  await rehearseTurn(AbortSignal.timeout(20_000));
  expect(recorded.mock.calls.map(([{ name }]) => name)).toEqual([
    ...Array.from({ length: 4 }, () => ['record_intent', 'update_crm_note']).flat(),
    'lookup_crm',
  ]);
  const write = ['{"status":"recorded"}', '{"status":"saved"}'];
  expect(results).toEqual([
    ...Array.from({ length: 4 }, () => write).flat(),
    expect.stringContaining('Nobody'),
  ]);
});

it('ends when its time is over, wherever it is', async () => {
  const closed = vi.spyOn(voice.AgentSession.prototype, 'close');
  onTestFinished(() => void vi.restoreAllMocks());
  const over = new AbortController();
  const started = vi.spyOn(CallJournal.prototype, 'tool').mockImplementation(() => {
    over.abort(new Error('over'));
    return new Promise(() => undefined);
  });
  await expect(rehearseTurn(over.signal)).rejects.toThrow('over');
  expect(started).toHaveBeenCalled();
  expect(closed).toHaveBeenCalledOnce();
});
