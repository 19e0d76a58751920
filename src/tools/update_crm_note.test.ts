import { describe, expect, it } from 'vitest';
import { fakeCall, toolCall } from './testing/fake_call.ts';
import { updateCrmNote } from './update_crm_note.ts';

describe('update_crm_note', () => {
  it('puts the write to the CRM into the same append as its own call', async () => {
    const call = fakeCall();
    const answer = await updateCrmNote(call.context).run(
      { note: 'Wants an offer by Friday.' },
      toolCall({ toolCallId: 'fc_2' }),
    );
    expect(answer).toEqual({ result: { status: 'saved' } });
    expect(call.records).toMatchObject([
      {
        name: 'update_crm_note',
        toolCallId: 'fc_2',
        jobs: [
          {
            id: 'job_fc_2',
            kind: 'crm_write',
            body: { operation: 'note', text: 'Wants an offer by Friday.' },
          },
        ],
      },
    ]);
  });

  it('does not promise what the ledger did not take', async () => {
    const call = fakeCall({ durable: () => Promise.reject(new Error('disk full')) });
    const answer = updateCrmNote(call.context).run({ note: 'A note.' }, toolCall());
    await expect(answer).rejects.toThrow('disk full');
  });

  it('does not ask the CRM', async () => {
    const call = fakeCall();
    await updateCrmNote(call.context).run({ note: 'A note.' }, toolCall());
    expect(call.asked).toEqual([]);
  });
});
