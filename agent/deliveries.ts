import './node_version.ts';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../src/config/duration.ts';
import { CallwireError } from '../src/errors.ts';
import { DEFAULT_ENDPOINT_ID } from '../src/store/default_endpoint.ts';
import type { DeliveryObstacle } from '../src/store/delivery_store.ts';
import type { DeliveryRecord, JobState, Store } from '../src/store/store.ts';
import { NPM_OPTIONS_HINT, printRows, say, withStore } from './admin_command.ts';
import { exitWithError } from './exit_with_error.ts';

/*
 * npm run deliveries list -- --state exhausted
 * npm run deliveries replay dlv_…
 * npm run deliveries replay -- --failed --since 2h
 */

interface Selection {
  call?: string;
  endpoint?: string;
}

const program = new Command('deliveries')
  .description(
    'Events on their way to endpoints, and writes to the CRM. Works with and without a running\n' +
      'worker; only a running one sends.',
  )
  .showHelpAfterError()
  .addHelpText('afterAll', `${NPM_OPTIONS_HINT} npm run deliveries list -- --state exhausted`);

program
  .command('list')
  .description('Show deliveries, newest first.')
  .addOption(
    new Option('--state <state>', 'exhausted = given up').choices(['waiting', 'done', 'exhausted']),
  )
  .option('--call <id>', 'of this call only')
  .option('--endpoint <id>', 'to this endpoint only (whe_default = WEBHOOK_URL)')
  .option('--limit <count>', 'at most so many', count, 50)
  .action(
    async ({ state, limit, ...selection }: Selection & { state?: JobState; limit: number }) => {
      const query = { limit, ...(state && { state }), ...selected(selection) };
      const deliveries = await withStore(async (store) => {
        await refuseUnknown(store, query);
        return await store.listDeliveries(query);
      });
      if (deliveries.length === 0) say('no deliveries');
      printRows(
        deliveries.map((delivery) => [
          delivery.id,
          new Date(delivery.createdAt).toISOString(),
          delivery.state,
          delivery.eventType ?? delivery.kind,
          delivery.target,
          `${delivery.attempts} attempts`,
          String(delivery.lastStatus ?? delivery.lastError ?? ''),
          outlookOf(delivery),
        ]),
      );
    },
  );

program
  .command('replay')
  .description(
    'Send again what was sent or given up: the same events with the same ids, as new deliveries.\n' +
      'At most 10,000 at a time; what is still on its way is left alone.',
  )
  .argument('[delivery]', 'one delivery, dlv_… or job_…')
  .option('--failed', 'what was given up, CRM writes too')
  .option('--call <id>', 'of this call only')
  .option('--endpoint <id>', 'to this endpoint only (whe_default = WEBHOOK_URL)')
  .option('--since <time>', 'made since then: 90m, 12h, 2d or an ISO date', since)
  .action(
    async (
      deliveryId: string | undefined,
      { failed, since: from, ...selection }: Selection & { failed?: true; since?: number },
    ) => {
      const query = {
        ...(deliveryId !== undefined && { deliveryId }),
        ...(failed && { onlyFailed: true }),
        ...(from !== undefined && { since: from }),
        ...selected(selection),
      };
      if (Object.keys(query).length === 0) {
        throw new CallwireError('REPLAY_OF_EVERYTHING', 'This would send everything again.', {
          remedy: 'Name a delivery, or use --failed, --call, --endpoint or --since.',
        });
      }
      const { ids, left } = await withStore(async (store) => {
        await refuseUnknown(store, query);
        const replayed = await store.replayDeliveries(query);
        const named = replayed.length === 0 && deliveryId !== undefined;
        return { ids: replayed, left: named ? await store.getDelivery(deliveryId) : null };
      });
      for (const id of ids) process.stdout.write(`${id}\n`);
      const why = left && outlookOf(left);
      if (ids.length > 0) say(`${ids.length} will be sent again`);
      else say(why ? `nothing to replay: ${why}` : 'nothing to replay');
    },
  );

/** What is to come of a delivery, or has come of its replays; empty where that is its state. */
function outlookOf({ waitsFor, nextAt, replay }: DeliveryRecord): string {
  if (waitsFor !== null) return `waits: ${OBSTACLES[waitsFor]}`;
  if (nextAt !== null) return `next ${new Date(nextAt).toISOString()}`;
  return replay === null ? '' : `replayed: ${replay.id} ${replay.state}`;
}

const OBSTACLES: Readonly<Record<DeliveryObstacle, string>> = {
  endpoint_paused: 'endpoint paused',
  endpoint_disabled: 'endpoint disabled',
  earlier_event: 'an earlier event of the call',
};

/** An id with a slip in it finds nothing, which must not look as if nothing had failed. */
async function refuseUnknown(
  store: Store,
  { deliveryId, callId, endpointId }: { deliveryId?: string; callId?: string; endpointId?: string },
): Promise<void> {
  if (deliveryId !== undefined && !(await store.getDelivery(deliveryId))) {
    throw new CallwireError('DELIVERY_UNKNOWN', `There is no delivery ${deliveryId}.`, {
      remedy: 'npm run deliveries list shows the ids; old ones are deleted with their calls.',
    });
  }
  if (callId !== undefined && !(await store.getCall(callId))) {
    throw new CallwireError('CALL_UNKNOWN', `There is no call ${callId}.`, {
      remedy: 'The events of a call hold its id as call_id (call_…).',
    });
  }
  if (endpointId !== undefined && !(await isTarget(store, endpointId))) {
    throw new CallwireError('ENDPOINT_UNKNOWN', `There is no endpoint ${endpointId}.`, {
      remedy: 'GET /v1/webhooks lists them (whe_…); whe_default is that of WEBHOOK_URL.',
    });
  }
}

/** Also of one that was deleted, or of the CRM: whatever has deliveries. */
async function isTarget(store: Store, endpointId: string): Promise<boolean> {
  if (endpointId === DEFAULT_ENDPOINT_ID || (await store.getEndpoint(endpointId))) return true;
  return (await store.listDeliveries({ limit: 1, endpointId })).length > 0;
}

function selected({ call, endpoint }: Selection): { callId?: string; endpointId?: string } {
  return {
    ...(call !== undefined && { callId: call }),
    ...(endpoint !== undefined && { endpointId: endpoint }),
  };
}

function since(text: string): number {
  const ago = parseDuration(text);
  const time = ago === null ? Date.parse(text) : Date.now() - ago;
  if (!Number.isNaN(time)) return time;
  throw new InvalidArgumentError('Use a duration such as 90m, 12h or 2d, or an ISO date.');
}

function count(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0 && number <= 1_000) return number;
  throw new InvalidArgumentError('Use a whole number from 1 to 1000.');
}

program.parseAsync().catch(exitWithError);
