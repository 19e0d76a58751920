import { afterEach, describe, expect, it } from 'vitest';
import { AgentFolder, failsToStart } from './agent_start.ts';

const PROFILE = 'name: Front desk\nprompt: Be kind.\n';
/** Made up; enough for a start that gets as far as LiveKit. */
const ENOUGH = { OPENAI_API_KEY: 'made-up', AGENTS_DIR: 'profiles', DATA_DIR: 'data' };

let folder: AgentFolder;
afterEach(() => folder?.remove());

async function start(env: Record<string, string>, files: Record<string, string> = {}) {
  folder = await AgentFolder.make({ 'profiles/desk.yaml': PROFILE, ...files });
  return failsToStart(folder, env);
}

/** A message for people: no stack trace, no process left, and no value of a setting in it. */
function expectCivil({ said, leftBehind }: { said: string; leftBehind: number[] }): void {
  expect(said).not.toMatch(/^\s+at /m);
  expect(said).not.toContain('node:internal');
  expect(leftBehind).toEqual([]);
}

describe('the worker does not start', () => {
  it.each([
    ['missing', {}],
    ['empty', { OPENAI_API_KEY: '' }],
    ['blank', { OPENAI_API_KEY: '  ' }],
  ])('without a model key (%s), and says how to try it without', async (_, env) => {
    const failed = await start({ ...ENOUGH, OPENAI_API_KEY: '', ...env });
    expect(failed.said).toContain('OPENAI_API_KEY is missing');
    expect(failed.said).toContain('npm run demo');
    expectCivil(failed);
  });

  it('with wrong settings, all of which are named at once, each with what to write, none with its value', async () => {
    const failed = await start({
      ...ENOUGH,
      LIVEKIT_URL: 'livekit.example.com',
      LIVEKIT_API_KEY: 'made-up-key',
      CRM_ADAPTER: 'http',
      WEBHOOK_URL: 'ftp://backend.example.com',
      WEBHOOK_SECRET: 'whsec_dG9vc2hvcnQ=',
      MAX_CALLS: 'many',
      DRAIN_SECONDS: '-5',
      RETRY_SCHEDULE: '5',
      WORKER_PORT: '99999',
      STACK_SIP_PORT: '0',
      SIP_NUMBERS: '+15550100000,hotline-4711',
      SIP_ALLOWED_ADDRESSES: '10.0.0.0/99',
      LOG_LEVEL: 'loud',
    });
    expect(failed.said.match(/settings are wrong/g)).toHaveLength(1);
    for (const line of [
      /^- LIVEKIT_URL .*wss?:\/\//m,
      /^- LIVEKIT_API_SECRET is missing: LIVEKIT_API_KEY is set/m,
      /^- CRM_URL is missing: CRM_ADAPTER=http/m,
      /^- WEBHOOK_URL .*https?:\/\//m,
      /^- WEBHOOK_SECRET begins with whsec_ and must go on with standard base64/m,
      /^- MAX_CALLS must be a whole number from 1/m,
      /^- DRAIN_SECONDS must be a whole number from 0/m,
      /^- RETRY_SCHEDULE entry 1: must be a wait/m,
      /^- WORKER_PORT must be a whole number from 0 to 65535/m,
      /^- STACK_SIP_PORT must be a whole number from 1/m,
      /^- SIP_NUMBERS entry 2: must be a phone number/m,
      /^- SIP_ALLOWED_ADDRESSES entry 1: must be an IP address/m,
      /^- LOG_LEVEL .*write .*info/m,
    ]) {
      expect(failed.said).toMatch(line);
    }
    expect(failed.said).toContain('docs/configuration.md');
    for (const value of ['dG9vc2hvcnQ', 'hotline-4711', 'made-up-key', 'loud']) {
      expect(failed.said).not.toContain(value);
    }
    expectCivil(failed);
  });

  it.each(['salesforce', 'hubspot'])('with a CRM that is not built yet (%s)', async (crm) => {
    const failed = await start({ ...ENOUGH, CRM_ADAPTER: crm });
    expect(failed.said).toContain(
      `CRM_ADAPTER names ${crm}, which is not built yet: write builtin, http`,
    );
    expectCivil(failed);
  });

  it('on Postgres, which is not built yet', async () => {
    const failed = await start({ ...ENOUGH, DATABASE_URL: 'postgres://user:made-up@db/callwire' });
    expect(failed.said).toContain('DATABASE_URL is set, but Postgres is not built yet');
    expect(failed.said).not.toContain('made-up');
    expectCivil(failed);
  });

  it('with a .env that is wrong, but does where the environment puts it right', async () => {
    const dotEnv = '# made up\nMAX_CALLS=none\nOPENAI_API_KEY=\nLIVEKIT_URL=ws://127.0.0.1:1\n';
    const keys = { LIVEKIT_API_KEY: 'made-up', LIVEKIT_API_SECRET: 'made-up' };
    const failed = await start({ AGENTS_DIR: 'profiles', ...keys }, { '.env': dotEnv });
    expect(failed.said).toContain('MAX_CALLS must be a whole number');
    expectCivil(failed);
    const right = await failsToStart(folder, { ...ENOUGH, ...keys, MAX_CALLS: '3' });
    expect(right.said).toContain('LiveKit cannot be reached at ws://127.0.0.1:1');
  });

  it('with a .env that is no file', async () => {
    const failed = await start(ENOUGH, { '.env/is': 'a folder' });
    expect(failed.said).toContain('.env cannot be read');
    expectCivil(failed);
  });

  it('without LiveKit, and says how to have one', async () => {
    const keys = { LIVEKIT_API_KEY: 'made-up', LIVEKIT_API_SECRET: 'made-up' };
    const failed = await start({ ...ENOUGH, ...keys, LIVEKIT_URL: 'ws://127.0.0.1:1' });
    expect(failed.said).toContain('LiveKit cannot be reached at ws://127.0.0.1:1');
    expect(failed.said).toContain('npm run stack');
    expectCivil(failed);
  });

  it('where DATA_DIR is no folder', async () => {
    const failed = await start({ ...ENOUGH, DATA_DIR: 'taken' }, { taken: 'a file' });
    expect(failed.said).toContain('DATA_DIR');
    expectCivil(failed);
  });
});
