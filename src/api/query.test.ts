import { expect, it } from 'vitest';
import { testApi } from './testing/test_api.ts';

// GET /v1/calls?direction=outbound&status=zzz answered 200, with every call.
it.each([
  [
    'calls?direction=outbound&status=zzz',
    ': direction, status; there are limit, cursor, phoneNumber, since',
  ],
  ['calls?%2B15550100001=x', '; there are limit, cursor, phoneNumber, since'],
  ['deliveries?call=x', ': call; there are limit, cursor, callId, endpointId, state'],
  ['events?cursor=7', ': cursor; there are after, limit'],
  ['analytics?since=today', ': since; there are from, to, by, direction'],
])('GET /v1/%s is refused, with the names there are', async (path, words) => {
  const api = await testApi();
  const message = `has unknown parameters${words}`;
  expect(await api.request('GET', `/v1/${path}`)).toMatchObject({
    status: 400,
    body: {
      error: {
        code: 'invalid_request',
        message: `querystring: ${message}`,
        details: { issues: [{ field: 'querystring', message }] },
      },
    },
  });
});
