import type { RequestBodies } from '../api_sender.ts';

/** Of a call come four, in this order. */
const EVENTS = ['call.initiated', 'call.ringing', 'call.answered', 'call.completed'] as const;
const BESIDE = 125;

/**
 * Calls stand beside each other: the webhooks of one are a quarter of a second apart, and at any time a
 * quarter of the calls has come to each of them. In step, 125 calls would end in one quarter of a second
 * and none in the next three, which no platform's calls do. All are one contact's.
 */
export const requestBody: RequestBodies['requestBody'] = (run, n, contactId) => {
  const line = n % BESIDE;
  const turn = Math.floor(n / BESIDE) + line;
  const step = turn % EVENTS.length;
  const call = `${run}-${Math.floor(turn / EVENTS.length)}-${line}`;
  return {
    callId: call,
    provider: 'bench',
    event: EVENTS[step],
    direction: 'outbound',
    from: '+15550100020',
    to: '+15550100021',
    timestamp: new Date(Date.now()).toISOString(),
    metadata: { contactId, agentId: 'front-desk', campaign: 'spring' },
    ...(step === EVENTS.length - 1 && {
      duration: 96,
      status: 'completed',
      transcript: 'Agent: Good morning.\nCaller: Good morning, I come on Thursday.\n'.repeat(10),
      recording_url: 'https://recordings.example/bench.wav',
    }),
  };
};
