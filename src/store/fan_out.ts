import type { Transaction } from 'kysely';
import { DEFAULT_ENDPOINT_ID, type DefaultEndpoint } from './default_endpoint.ts';
import type { TriggerRecord } from './endpoint_store.ts';
import type { EventComposer } from './event_composer.ts';
import { prepared } from './prepared.ts';
import type { Tables } from './schema.ts';
import type { EventDraft } from './store.ts';
import { conditionsOf } from './triggers.ts';

/** One delivery to be made. */
export interface Recipient {
  target: string;
  /** Whether the API made the endpoint; only then it can be ordered. */
  made: boolean;
  ordered: boolean;
}

interface FanOutOptions {
  composer: EventComposer;
  /** The endpoint of the environment, `null` while none is configured. */
  defaultEndpoint: DefaultEndpoint | null;
  subscriptions: Subscriptions;
}

interface Subscription {
  eventType: string;
  conditions: TriggerRecord['conditions'];
  endpointId: string;
  ordered: boolean;
}

/**
 * Who has subscribed to which types of events: read at the first of each type, and kept until it changes, for
 * every append asks. Whoever writes a trigger or an endpoint says so in the same transaction, so that what
 * was made before an append counts for it, and what is made behind it does not.
 */
export class Subscriptions {
  readonly #byType = new Map<string, readonly Subscription[]>();

  changed(): void {
    this.#byType.clear();
  }

  async of(trx: Transaction<Tables>, type: string): Promise<readonly Subscription[]> {
    const known = this.#byType.get(type);
    if (known !== undefined) return known;
    const { rows } = await triggersOf(trx, { everything: '*', type });
    const subscriptions = rows.map((row) => ({
      eventType: row.event_type,
      conditions: conditionsOf(row.conditions),
      endpointId: row.id,
      ordered: row.ordered === 1,
    }));
    this.#byType.set(type, subscriptions);
    return subscriptions;
  }
}

/**
 * Who gets an event, as the transaction that appends it knows it. However many triggers of an endpoint
 * match, it gets one delivery. Paused and disabled endpoints get theirs too: they wait (`jobs.ts`).
 */
export class FanOut {
  readonly #trx: Transaction<Tables>;
  readonly #composer: EventComposer;
  readonly #defaultEndpoint: DefaultEndpoint | null;
  readonly #subscriptions: Subscriptions;

  constructor(trx: Transaction<Tables>, options: FanOutOptions) {
    const { composer, defaultEndpoint, subscriptions } = options;
    this.#trx = trx;
    this.#composer = composer;
    this.#defaultEndpoint = defaultEndpoint;
    this.#subscriptions = subscriptions;
  }

  /** `data` is what the event's body says, which conditions are judged by. */
  async recipientsOf(draft: EventDraft, data: Record<string, unknown>): Promise<Recipient[]> {
    const audience = this.#composer.audienceOf(draft);
    if (audience.kind === 'endpoint') return await this.#endpoint(audience.id);
    const recipients: Recipient[] = [];
    if (audience.star && audience.except !== DEFAULT_ENDPOINT_ID) {
      recipients.push(...this.#default(draft.type));
    }
    const told = new Set([audience.except]);
    for (const { endpointId, eventType, conditions, ordered } of await this.#subscriptions.of(
      this.#trx,
      draft.type,
    )) {
      if (told.has(endpointId) || (eventType === '*' && !audience.star)) continue;
      if (!fits(conditions, data)) continue;
      told.add(endpointId);
      recipients.push({ target: endpointId, made: true, ordered });
    }
    return recipients;
  }

  #default(type: string): Recipient[] {
    if (this.#defaultEndpoint === null) return [];
    const path = this.#defaultEndpoint.perEvent ? `:${type.split('.', 1)[0]}` : '';
    return [{ target: `${DEFAULT_ENDPOINT_ID}${path}`, made: false, ordered: false }];
  }

  async #endpoint(id: string): Promise<Recipient[]> {
    const row = await this.#trx
      .selectFrom('endpoints')
      .select('ordered')
      .where('id', '=', id)
      .executeTakeFirst();
    return row === undefined ? [] : [{ target: id, made: true, ordered: row.ordered === 1 }];
  }
}

const triggersOf = prepared((db, { everything, type }: { everything: '*'; type: string }) =>
  db
    .selectFrom('triggers')
    .innerJoin('endpoints', 'endpoints.id', 'triggers.endpoint_id')
    .select(['triggers.event_type', 'triggers.conditions', 'endpoints.id', 'endpoints.ordered'])
    .where('triggers.event_type', 'in', [everything, type])
    .orderBy('triggers.id'),
);

/** Every field has to be there with one of its values; numbers and booleans count as their text. */
function fits(conditions: TriggerRecord['conditions'], data: Record<string, unknown>): boolean {
  return Object.entries(conditions ?? {}).every(([field, accepted]) => {
    const value = Object.hasOwn(data, field) ? data[field] : undefined;
    const comparable = ['string', 'number', 'boolean'].includes(typeof value);
    return comparable && accepted.includes(String(value));
  });
}
