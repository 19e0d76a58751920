// Places a call, waits until it is over, lists calls, takes one back, with types for all of it:
//
//   API_KEY=… TO=+15550100001 KEY=lead-7-first-call node calls.ts
//
// Run again with the same KEY it places nothing, and shows the same calls.
import { CallwireApiError, createClient, dataOf, placeCall, waitForCall } from 'callwire/client';

const { CALLWIRE_URL = 'http://127.0.0.1:8080', AGENT = 'receptionist' } = process.env;
const { API_KEY = '', TO = '', KEY = '' } = process.env;

// What passes by itself is asked again: the key makes that one call, however often it is asked for.
const callwire = createClient({ baseUrl: CALLWIRE_URL, apiKey: API_KEY });

try {
  const { id } = await placeCall(callwire, {
    agentId: AGENT,
    phoneNumber: TO,
    metadata: { lead: 7 },
    knownConsent: true,
    idempotencyKey: KEY,
  });
  console.log(`placed ${id}`);

  // For a backend events are better (docs/webhooks.md): they come by themselves.
  const call = await waitForCall(callwire, id);
  console.log(`ended ${id}: ${call.endReason}`);
} catch (error) {
  if (!(error instanceof CallwireApiError)) throw error;
  // The compiler knows every code: `suppresed` would be an error here.
  if (error.code === 'suppressed') console.log('does not want to be called');
  else if (error.code === 'outside_calling_hours') console.log(error.details?.nextAllowedAt);
  else throw error;
}

// Every path of the API, with its parameters and answers.
const { calls } = await dataOf(callwire.GET('/v1/calls', { params: { query: { limit: 5 } } }));
console.log(`the newest of all is ${calls[0]?.id}`);

// One for tomorrow, and not after all.
const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
const later = await placeCall(callwire, {
  agentId: AGENT,
  phoneNumber: TO,
  knownConsent: true,
  scheduledFor: `${tomorrow}T18:00:00Z`,
  idempotencyKey: `${KEY}-again`,
});
console.log(`placed ${later.id}`);
const { call: ended } = await dataOf(
  callwire.POST('/v1/calls/{id}/end', { params: { path: { id: later.id } } }),
);
console.log(`ended ${later.id}: ${ended.endReason}`);
