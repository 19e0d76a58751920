// Places a call, waits until it is over, lists calls, takes one back. Node 20 or newer, nothing to
// install:
//
//   API_KEY=… TO=+15550100001 KEY=lead-7-first-call node calls.mjs
//
// Run again with the same KEY it places nothing, and shows the same calls.
import { setTimeout as sleep } from 'node:timers/promises';

const { CALLWIRE_URL = 'http://127.0.0.1:8080', AGENT = 'receptionist' } = process.env;
const { API_KEY, TO, KEY } = process.env;

/** What passes by itself is asked again: the key makes that one call, however often it is asked for. */
async function request(method, path, body, attempt = 1) {
  let answer;
  try {
    answer = await fetch(CALLWIRE_URL + path, {
      method,
      headers: {
        authorization: `Bearer ${API_KEY}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
  } catch (error) {
    if (attempt === 5) throw error;
  }
  if (attempt < 5 && (!answer || answer.status === 429 || answer.status >= 500)) {
    const asked = Number(answer?.headers.get('retry-after'));
    await sleep(asked > 0 ? asked * 1_000 : 500 * 2 ** attempt);
    return request(method, path, body, attempt + 1);
  }
  const { error, ...data } = await answer.json();
  if (error) throw new Error(`${answer.status} ${error.code}: ${error.message}`);
  return data;
}

let { call } = await request('POST', '/v1/calls', {
  agentId: AGENT,
  phoneNumber: TO,
  metadata: { lead: 7 },
  knownConsent: true,
  idempotencyKey: KEY,
});
console.log(`placed ${call.id}`);

// For a backend events are better (docs/webhooks.md): they come by themselves.
while (call.status !== 'ended') {
  await sleep(1_000);
  ({ call } = await request('GET', `/v1/calls/${call.id}`));
}
console.log(`ended ${call.id}: ${call.endReason}`);

const { calls } = await request('GET', '/v1/calls?limit=5');
console.log(`the newest of all is ${calls[0].id}`);

// One for tomorrow, and not after all.
const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
const { call: later } = await request('POST', '/v1/calls', {
  agentId: AGENT,
  phoneNumber: TO,
  knownConsent: true,
  scheduledFor: `${tomorrow}T18:00:00Z`,
  idempotencyKey: `${KEY}-again`,
});
console.log(`placed ${later.id}`);
const ended = await request('POST', `/v1/calls/${later.id}/end`);
console.log(`ended ${later.id}: ${ended.call.endReason}`);
