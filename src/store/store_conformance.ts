import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contactConformance } from './conformance/contacts.ts';
import { endpointDeliveryConformance } from './conformance/endpoint_deliveries.ts';
import { endpointConformance } from './conformance/endpoints.ts';
import { fanOutConformance } from './conformance/fan_out.ts';
import { jobConformance } from './conformance/jobs.ts';
import { leaseConformance } from './conformance/leases.ts';
import { ledgerConformance } from './conformance/ledger.ts';
import { outboundConformance } from './conformance/outbound.ts';
import { outboundRacesConformance } from './conformance/outbound_races.ts';
import { recordingConformance } from './conformance/recordings.ts';
import { reportedCallConformance } from './conformance/reported_calls.ts';
import { retentionConformance } from './conformance/retention.ts';
import { type MakeStore, StoreUnderTest } from './conformance/store_under_test.ts';
import { suppressionConformance } from './conformance/suppressions.ts';

/**
 * What every implementation of `Store` has to do. `makeStore` gives an empty one that uses
 * `conformanceComposer` and the given clock for everything it judges.
 */
export function storeConformance(name: string, makeStore: MakeStore): void {
  describe(`a store: ${name}`, () => {
    const t = new StoreUnderTest(makeStore);
    beforeEach(() => t.open({ perEvent: false }));
    afterEach(() => t.store.close());

    ledgerConformance(t);
    leaseConformance(t);
    jobConformance(t);
    contactConformance(t);
    endpointConformance(t);
    fanOutConformance(t);
    endpointDeliveryConformance(t);
    retentionConformance(t);
    outboundConformance(t);
    outboundRacesConformance(t);
    suppressionConformance(t);
    recordingConformance(t);
    reportedCallConformance(t);

    it('answers nothing once it is closed, and may be closed twice', async () => {
      await t.store.close();
      await t.store.close();
      await expect(t.store.getCall('call_x')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    });
  });
}
