import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createMetrics } from '../src/api/metrics.ts';
import { DEFAULT_RETRY_STEPS } from '../src/delivery/retry_schedule.ts';
import { type ReceiverCheck, receiverChecks } from './receiver_checks.ts';

/*
 * Fills in the parts of the guides that stand elsewhere: the example programs, which the tests run,
 * the retries, what webhooks:check sends, the metrics. `--check` only says whether the pages are up to date.
 */

const PROJECT = new URL('../', import.meta.url);

type Parts = Readonly<Record<string, () => string>>;

/** The parts of each page, by the name that the page's markers have. */
export const GUIDES: Readonly<Record<string, Parts>> = {
  'docs/webhooks.md': {
    'receiver.mjs': () => program('docs/examples/webhooks/node/receiver.mjs', 'js'),
    'receiver.py': () => program('docs/examples/webhooks/python/receiver.py', 'python'),
    'main.go': () => program('docs/examples/webhooks/go/main.go', 'go'),
    retries: () => DEFAULT_RETRY_STEPS.map(span).join(', '),
    checks: checkTable,
  },
  'docs/metrics.md': { metrics: metricTable },
  'docs/hooks.md': {
    'backend.mjs': () => program('docs/examples/hooks/node/backend.mjs', 'js'),
    'backend.py': () => program('docs/examples/hooks/python/backend.py', 'python'),
    'main.go': () => program('docs/examples/hooks/go/main.go', 'go'),
  },
  'docs/calls.md': {
    'calls.sh': () => program('docs/examples/calls/curl/calls.sh', 'sh'),
    'calls.mjs': () => program('docs/examples/calls/node/calls.mjs', 'js'),
    'calls.ts': () => program('docs/examples/calls/typescript/calls.ts', 'ts'),
    'calls.py': () => program('docs/examples/calls/python/calls.py', 'python'),
    'main.go': () => program('docs/examples/calls/go/main.go', 'go'),
  },
  'docs/ingest.md': {
    'retell.json': () => program('docs/examples/ingest/retell.json', 'json'),
    'retell.sh': () => program('docs/examples/ingest/retell.sh', 'sh'),
    'vapi.json': () => program('docs/examples/ingest/vapi.json', 'json'),
    'bland.json': () => program('docs/examples/ingest/bland.json', 'json'),
    'elevenlabs.json': () => program('docs/examples/ingest/elevenlabs.json', 'json'),
  },
};

export function readGuide(path: string): string {
  return readFileSync(new URL(path, PROJECT), 'utf8');
}

/**
 * The page with what stands between `<!-- NAME: generated -->` and `<!-- end -->` made anew. Throws
 * where the page has a part that nobody makes, or lacks one.
 */
export function filledGuide(page: string, parts: Parts): string {
  const missing = new Set(Object.keys(parts));
  const filled = page.replaceAll(
    /(<!-- (\S+): generated -->\n)(?:[\s\S]*?\n)??(<!-- end -->)/g,
    (_, begin: string, name: string, end: string) => {
      const part = parts[name];
      if (!part) throw new Error(`nothing makes the part ${name}`);
      missing.delete(name);
      return `${begin}${part()}\n${end}`;
    },
  );
  if (missing.size > 0) throw new Error(`the page lacks ${[...missing].join(', ')}`);
  return filled;
}

function program(path: string, language: string): string {
  const code = readFileSync(new URL(path, PROJECT), 'utf8').trimEnd();
  return `\`\`\`${language}\n${code}\n\`\`\``;
}

function checkTable(): string {
  // Of the checks only the words are wanted; the secret signs nothing that is sent.
  const checks = receiverChecks('unused', ['standard', 'timestamped', 'plain']);
  const rows = checks.map(
    ({ name, sent, expected }) => `| \`${name}\` | ${sent} | ${ANSWERS[expected]} |`,
  );
  return ['| check | sent | right is |', '|---|---|---|', ...rows].join('\n');
}

function metricTable(): string {
  // Of the metrics only the words are wanted; nothing is measured.
  const { described } = createMetrics({
    store: { deliveryBacklog: () => Promise.resolve({ waiting: 0, oldestAt: null }) },
    liveCalls: () => 0,
  });
  const rows = described.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`);
  return ['| metric | type | what it says |', '|---|---|---|', ...rows].join('\n');
}

const ANSWERS: Readonly<Record<ReceiverCheck['expected'], string>> = {
  accepted: '2xx',
  refused: '4xx',
  accepted_in_time: '2xx, at once or on the attempt after a 401',
};

function span(ms: number): string {
  const [amount, unit] =
    ms < 60_000 ? [ms / 1_000, 's'] : ms < 3_600_000 ? [ms / 60_000, 'min'] : [ms / 3_600_000, 'h'];
  return `${amount} ${unit}`;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  for (const [path, parts] of Object.entries(GUIDES)) {
    const page = readGuide(path);
    const filled = filledGuide(page, parts);
    if (!values.check) {
      writeFileSync(new URL(path, PROJECT), filled);
    } else if (page !== filled) {
      console.error(`${path} is out of date: run \`node agent/generate_guides.ts\``);
      process.exitCode = 1;
    }
  }
}
