import { API_KEY, besideBareApi } from '../api_under_load.ts';
import type { Measurement } from '../measurement.ts';

const RATE = 500;

/**
 * Webhooks of other platforms, beside a Fastify route that does nothing with them but one durable insert.
 * Ours does the same durably, and all that follows of it: the call, its events, the jobs behind them.
 */
export const ingest: Measurement = {
  name: 'ingest',
  about: `${RATE} webhooks of other platforms a second, beside a Fastify route with one durable insert`,
  run: async (options) => [
    await besideBareApi(
      {
        name: 'ingest',
        what: `a webhook's answer at ${RATE} a second: p99, to that of one durable insert`,
        path: '/api/calls/webhook',
        status: 200,
        rate: RATE,
        bodies: new URL('./webhook_bodies.ts', import.meta.url),
        settings: {},
        prepare: knownContact,
      },
      options,
    ),
  ],
};

/** The contact that the webhooks name: what is written to an unknown one is refused. */
async function knownContact(ours: string): Promise<string> {
  const answer = await fetch(`${ours}/v1/contacts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': API_KEY },
    body: JSON.stringify({ name: 'Ada Lovelace', phone: '+15550100021' }),
  });
  if (!answer.ok) throw new Error(`the contact was answered with ${answer.status}`);
  const { contact } = (await answer.json()) as { contact: { id: string } };
  return contact.id;
}
