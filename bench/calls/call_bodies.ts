import type { RequestBodies } from '../api_sender.ts';

const A_DAY_MS = 86_400_000;

let placed = 0;

/** Each call has a number and an idempotency key of its own; it is due tomorrow, so nothing is dialled. */
export const requestBody: RequestBodies['requestBody'] = (run, n) => {
  placed += 1;
  return {
    agentId: 'receptionist',
    phoneNumber: `+1555${2_000_000 + placed}`,
    metadata: { lead: placed },
    knownConsent: true,
    idempotencyKey: `lead-${run}-${n}`,
    scheduledFor: new Date(Date.now() + A_DAY_MS).toISOString(),
  };
};
