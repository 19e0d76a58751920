import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SIM_API_KEY } from '../sim/installation/installation.ts';
import { answers } from '../sim/phone/callee.ts';
import { builtWithGo } from './built_with_go.ts';
import { sharedInstallation } from './shared_installation.ts';

/* The programs of docs/calls.md, against a real worker that dials a real phone. */

const EXAMPLES = fileURLToPath(new URL('../docs/examples/calls', import.meta.url));
const PROGRAM_LIMIT_MS = 100_000;

/** Of those that are run as they are. */
const COMMANDS: Record<string, string[]> = {
  curl: ['bash', join(EXAMPLES, 'curl/calls.sh')],
  node: [process.execPath, join(EXAMPLES, 'node/calls.mjs')],
  typescript: [process.execPath, join(EXAMPLES, 'typescript/calls.ts')],
  python: ['python3', join(EXAMPLES, 'python/calls.py')],
};
const LANGUAGES = [...Object.keys(COMMANDS), 'go'].map((language, n) => ({
  language,
  to: `+1555011190${n}`,
}));

const SAID =
  /^placed (call_\w+)\nended \1: caller_hung_up\nthe newest of all is call_\w+\nplaced (call_\w+)\nended \2: ended_by_api\n$/;

describe('a program of docs/calls.md', () => {
  const installation = sharedInstallation({
    number: '+15550111900',
    env: { CALLING_HOURS: 'off', OUTBOUND_CALLS_PER_SECOND: '20' },
  });
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'callwire-examples-'));
    COMMANDS.go = [await builtWithGo(join(EXAMPLES, 'go/main.go'), folder)];
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function run(language: string, env: Record<string, string>): Promise<string> {
    const { url } = await installation.worker.waitForLine(({ msg }) => /API listens/.test(msg));
    const [program = '', ...args] = COMMANDS[language] ?? [];
    const { PATH = '', HOME = '' } = process.env;
    const { stdout } = await promisify(execFile)(program, args, {
      env: { PATH, HOME, CALLWIRE_URL: String(url), API_KEY: SIM_API_KEY, ...env },
      timeout: PROGRAM_LIMIT_MS,
    });
    return stdout;
  }

  async function placedTo(number: string): Promise<string[]> {
    const { body } = await installation.request('GET', '/v1/calls?limit=100');
    const calls: { id: string; to: string }[] = body.calls;
    return calls.filter(({ to }) => to === number).map(({ id }) => id);
  }

  it.concurrent.each(LANGUAGES)(
    'in $language calls once, sees the end, takes one back; run again it calls nobody',
    async ({ language, to }) => {
      installation.carrier.subscribe(to, answers({ ringMs: 100, hangUpAfterMs: 300 }));
      // A key of a try before would give the call that failed it.
      const env = { TO: to, KEY: `first-of-${language}-${randomUUID()}`, AGENT: 'front-desk' };
      const earlier = await placedTo(to);
      const rang = installation.carrier.callsTo(to).length;
      const said = await run(language, env);
      expect(said).toMatch(SAID);
      const ids = SAID.exec(said)?.slice(1) ?? [];
      expect(SAID.exec(await run(language, env))?.slice(1)).toEqual(ids);

      const placed = (await placedTo(to)).filter((id) => !earlier.includes(id));
      expect(placed.toSorted()).toEqual(ids.toSorted());
      expect(installation.carrier.callsTo(to)).toHaveLength(rang + 1);
    },
  );
});
