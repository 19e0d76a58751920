import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';

it('the board draws nothing that is not measured', async () => {
  const metrics = createMetrics({
    store: { deliveryBacklog: () => Promise.resolve({ waiting: 0, oldestAt: null }) },
    liveCalls: () => 0,
  });
  const board = await readFile(join(import.meta.dirname, '../../docs/grafana.json'), 'utf8');
  const text = await metrics.text();
  const drawn = board.match(/\b(callwire|process|nodejs)_[a-z0-9_]+/g) ?? [];
  expect(drawn.length).toBeGreaterThan(8);
  for (const name of new Set(drawn)) {
    expect(text).toContain(`# TYPE ${name.replace(/_(bucket|count|sum)$/, '')} `);
  }
});

it('how much waits, and since when, is as new as the scrape', async () => {
  const backlog = { waiting: 4, oldestAt: Date.now() - 90_000 };
  const metrics = createMetrics({
    store: { deliveryBacklog: () => Promise.resolve(backlog) },
    liveCalls: () => 0,
  });
  expect(await metrics.text()).toMatch(/oldest_waiting_seconds (89|9\d)/);
  expect(await metrics.text()).toContain('callwire_deliveries_waiting 4');
  Object.assign(backlog, { waiting: 0, oldestAt: null });
  expect(await metrics.text()).toContain('oldest_waiting_seconds 0\n');
});
