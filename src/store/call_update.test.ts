import { expect, it } from 'vitest';
import { openedCall } from './call_derivation.ts';
import { callColumns, changedColumns } from './call_update.ts';
import { callOpening } from './conformance/drafts.ts';

it('names the columns that have changed, and no others', () => {
  const call = openedCall(callOpening({ metadata: { lead: 7 } }), { leaseUntil: 1 });
  const stored = callColumns(call);
  expect(changedColumns(stored, callColumns({ ...call, metadata: { lead: 7 } }))).toEqual({});
  const answered = { ...call, state: 'active', answeredAt: 5 } as const;
  expect(changedColumns(stored, callColumns(answered))).toEqual({
    state: 'active',
    answered_at: 5,
  });
  expect(changedColumns({}, callColumns(call))).toEqual(stored);
});

it('has the columns of its platform, where another one tells of the call', () => {
  const reportedBy = { provider: 'bench', callId: '1' };
  const call = openedCall(callOpening({ reportedBy }), { leaseUntil: 1 });
  const later = callColumns({ ...call, leaseUntil: 2, sequence: 1 });
  expect(changedColumns(callColumns(call), later)).toEqual({ lease_until: 2, sequence: 1 });
});
