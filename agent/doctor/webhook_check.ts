import type { Settings } from '../../src/config/settings.ts';
import { createDefaultEndpoint, DEFAULT_ENDPOINT_ID } from '../../src/delivery/default_endpoint.ts';
import type { AttemptOutcome } from '../../src/delivery/job_handler.ts';
import { WebhookHandler } from '../../src/delivery/webhook_handler.ts';
import { draftEvent } from '../../src/events/catalogue.ts';
import { eventComposer } from '../../src/events/composer.ts';
import { newId } from '../../src/ids.ts';
import type { ClaimedJob } from '../../src/store/store.ts';
import type { Check, Observation } from './finding.ts';

/** More than an attempt may take. */
const LIMIT_MS = 20_000;

/** With a path for each first word of a type there are several endpoints to try. */
const PATHS = ['intent.recorded', 'call.ended', 'crm.updated'];

/**
 * The endpoint of the environment takes a signed `webhook.test`, sent as every event is: the same
 * code, the same signatures. It is in no ledger and is not tried again.
 */
export function webhookCheck(settings: Settings): Check {
  return {
    name: 'webhook',
    limitMs: LIMIT_MS,
    look: async (signal) => {
      const endpoint = settings.defaultEndpoint;
      if (!endpoint) {
        return {
          status: 'warning',
          message: 'events are kept, and go to endpoints made through the API only',
          remedy: 'Set WEBHOOK_URL (and WEBHOOK_SECRET) to a URL of your backend.',
        };
      }
      if (!endpoint.secret) {
        return {
          status: 'problem',
          message: 'WEBHOOK_SECRET is not set: every delivery waits for it',
          remedy:
            'Set it here and at the receiver, for instance the output of: openssl rand -base64 32',
        };
      }
      const types = endpoint.perEvent ? PATHS : ['webhook.test'];
      return await Promise.all(types.map((type) => tryOut(settings, type, signal)));
    },
  };
}

/** `type` chooses the path; what is sent is a test all the same. */
async function tryOut(settings: Settings, type: string, signal: AbortSignal): Promise<Observation> {
  const endpoint = createDefaultEndpoint(() => settings.defaultEndpoint);
  const destination = endpoint.destination(type);
  const handler = new WebhookHandler({
    endpoints: () => ({ id: endpoint.id, destination: () => destination }),
    proxy: settings.delivery.proxy,
  });
  try {
    const url = destination.status === 'ready' ? destination.url.href : 'WEBHOOK_URL';
    return judged(url, await handler.attempt(testDelivery(), signal));
  } finally {
    await handler.close();
  }
}

function testDelivery(): ClaimedJob {
  const now = Date.now();
  const type = 'webhook.test';
  const id = newId('evt', now);
  const draft = draftEvent(type, { endpoint_id: DEFAULT_ENDPOINT_ID }, { id, time: now });
  const composed = eventComposer.compose({
    draft,
    call: null,
    sequence: null,
    transcriptSequence: null,
    late: false,
    history: { events: [], facts: [] },
  });
  return {
    id: newId('dlv', now),
    claimId: 'doctor',
    kind: 'webhook',
    target: DEFAULT_ENDPOINT_ID,
    attempt: 1,
    refusals: 0,
    callId: null,
    createdAt: now,
    event: { id, type, body: composed.ok ? composed.body : '' },
    body: {},
  };
}

/** The answer's text is not shown: it may hold anything. */
function judged(url: string, { attempt }: AttemptOutcome): Observation {
  const { status, error, durationMs } = attempt;
  if (status === null) {
    return {
      status: 'problem',
      message: `${url} cannot be reached (${error})`,
      remedy: REMEDIES[error ?? ''] ?? 'Check WEBHOOK_URL, and that the backend is running.',
    };
  }
  const answers = `${url} answers ${status} to a signed test`;
  if (status < 300) return { status: 'ok', message: `${answers}, ${durationMs} ms` };
  if (status < 400) {
    return {
      status: 'problem',
      message: `${answers}, and redirects are not followed`,
      remedy: 'Set WEBHOOK_URL to the address that it redirects to.',
    };
  }
  if (status === 401 || status === 403) {
    return {
      status: 'problem',
      message: `${answers}: it does not accept the signature`,
      remedy:
        'The receiver must have the same WEBHOOK_SECRET and check the raw body (docs/webhooks.md). ' +
        'What it gets wrong: npm run webhooks:check <url>',
    };
  }
  if (status === 404 || status === 405) {
    return {
      status: 'problem',
      message: answers,
      remedy: 'Check WEBHOOK_URL: this path has to take POST requests.',
    };
  }
  if (status === 400 || status === 422) {
    return {
      status: 'warning',
      message: `${answers}: it is reached, and refuses this event or its signature`,
      remedy: 'Let it answer 2xx to event types that it does not know, and check WEBHOOK_SECRET.',
    };
  }
  return { status: 'problem', message: answers, remedy: 'Look into the log of the backend.' };
}

const REMEDIES: Record<string, string> = {
  name_not_resolved:
    'Check the host in WEBHOOK_URL (without it, in CRM_URL), and the DNS of this machine.',
  connection_refused:
    'Start the backend, or correct the port in WEBHOOK_URL (without it, in CRM_URL).',
  certificate: 'Give the backend a certificate of its host that this machine trusts.',
  tls: 'Nothing speaks TLS there: check the port, and https, in WEBHOOK_URL.',
  address_refused: 'Addresses where clouds keep credentials are never called.',
  proxy_unreachable: 'Check DELIVERY_PROXY.',
  proxy_auth: 'Check the login in DELIVERY_PROXY.',
  proxy_failed: 'Check DELIVERY_PROXY.',
  timeout: 'It must answer within 15 s: take the event, answer, and work on it afterwards.',
};
