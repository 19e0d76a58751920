import { describe, expect, it } from 'vitest';
import { recordIntent } from './record_intent.ts';
import { fakeCall, toolCall } from './testing/fake_call.ts';

describe('record_intent', () => {
  it('writes the call of the tool and the event in one append', async () => {
    const call = fakeCall();
    const answer = await recordIntent(call.context).run(
      { intent: 'billing question', note: 'invoice 7' },
      toolCall({ toolCallId: 'fc_9' }),
    );
    expect(answer).toEqual({ result: { status: 'recorded' } });
    expect(call.records).toMatchObject([
      {
        toolCallId: 'fc_9',
        arguments: { intent: 'billing question', note: 'invoice 7' },
        result: { status: 'recorded' },
        events: [
          {
            type: 'intent.recorded',
            data: { intent: 'billing question', note: 'invoice 7', tool_call_id: 'fc_9' },
          },
        ],
      },
    ]);
  });

  it('says "recorded" only when it is durable', async () => {
    const { promise: durable, resolve: acknowledge } = Promise.withResolvers<void>();
    const call = fakeCall({ durable: () => durable });
    let answered = false;
    const answer = recordIntent(call.context)
      .run({ intent: 'sales' }, toolCall())
      .then(() => {
        answered = true;
      });
    await Promise.resolve();
    expect(call.records).toHaveLength(1);
    expect(answered).toBe(false);
    acknowledge();
    await answer;
  });

  it('does not claim anything where the ledger refuses', async () => {
    const call = fakeCall({ durable: () => Promise.reject(new Error('disk full')) });
    const answer = recordIntent(call.context).run({ intent: 'sales' }, toolCall());
    await expect(answer).rejects.toThrow('disk full');
  });

  it('leaves an absent note out of the event', async () => {
    const call = fakeCall();
    await recordIntent(call.context).run({ intent: 'sales' }, toolCall());
    expect(call.records[0]?.events?.[0]?.data).not.toHaveProperty('note');
  });
});
