import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { startApi } from '../src/api/server.ts';
import { INGEST_SECRETS, testApi } from '../src/api/testing/test_api.ts';
import { readGuide } from './generate_guides.ts';

/* What docs/ingest.md shows is sent as it stands there. */

const EXAMPLES = fileURLToPath(new URL('../docs/examples/ingest/', import.meta.url));
const PATH = '/api/calls/webhook';

const CALL = {
  direction: 'inbound',
  from: '+15550100021',
  to: '+15550100020',
  status: 'ended',
  endReason: 'caller_hung_up',
  durationSeconds: 96,
  transcript:
    'Agent: Good morning, what can I do for you?\nCaller: I would like to come on Thursday.',
  costBreakdown: { totalCost: 0.2 },
  contact: { id: 'c21' },
};

it("signs a webhook as Retell does, and makes a call of Retell's", async () => {
  const api = await testApi();
  const { url, close } = await startApi({ ...api.options, host: '127.0.0.1', port: 0 });
  onTestFinished(close);
  const { PATH: path = '' } = process.env;
  const args = [join(EXAMPLES, 'retell.sh'), join(EXAMPLES, 'retell.json')];
  const env = { PATH: path, CALLWIRE_URL: url, RETELL_API_KEY: INGEST_SECRETS.retell };
  const { stdout } = await promisify(execFile)('bash', args, { env });
  const { id } = JSON.parse(stdout) as { id: string };
  expect((await api.request('GET', `/v1/calls/${id}`)).body.call).toMatchObject({
    ...CALL,
    provider: 'retell',
    recordingUrl: 'https://recordings.example/retell-1.wav',
  });
  const forged = { env: { ...env, RETELL_API_KEY: 'another' } };
  await expect(promisify(execFile)('bash', args, forged)).rejects.toThrow('401');
});

it("makes a call of Vapi's report", async () => {
  const api = await testApi();
  const { body } = await api.request('POST', PATH, {
    body: readFileSync(join(EXAMPLES, 'vapi.json'), 'utf8'),
    key: null,
    headers: { 'content-type': 'application/json', 'x-vapi-secret': INGEST_SECRETS.vapi },
  });
  expect((await api.request('GET', `/v1/calls/${body.id}`)).body.call).toMatchObject({
    ...CALL,
    provider: 'vapi',
    extraction: { summary: 'The caller comes on Thursday.', outcome: 'APPOINTMENT' },
    recordingUrl: 'https://recordings.example/vapi-1.wav',
  });
});

/** The page's own lines that sign a platform's body and send it. */
function recipeOf(platform: string): string {
  const blocks = readGuide('docs/ingest.md').matchAll(/```sh\n([^`]*)```/g);
  const recipes = [...blocks].map(([, code = '']) => code);
  return recipes.find((code) => code.includes(`--data-binary @${platform}.json`)) ?? '';
}

it.each([
  [
    'bland',
    'BLAND_WEBHOOK_SECRET',
    { recordingUrl: 'https://recordings.example/bland-1.wav', outcome: null },
  ],
  ['elevenlabs', 'ELEVENLABS_WEBHOOK_SECRET', { recordingUrl: null, costBreakdown: null }],
] as const)('signs a webhook as %s does, and makes a call of it', async (platform, name, its) => {
  const api = await testApi();
  const { url, close } = await startApi({ ...api.options, host: '127.0.0.1', port: 0 });
  onTestFinished(close);
  const { PATH: path = '' } = process.env;
  const recipe = recipeOf(platform).replace('https://<PUBLIC_URL>', url);
  const send = async (secret: string) => {
    const options = { cwd: EXAMPLES, env: { PATH: path, [name]: secret } };
    return JSON.parse((await promisify(execFile)('bash', ['-c', recipe], options)).stdout);
  };
  const { id } = await send(INGEST_SECRETS[platform]);
  expect((await api.request('GET', `/v1/calls/${id}`)).body.call).toMatchObject({
    ...CALL,
    provider: platform,
    extraction: { summary: 'The caller comes on Thursday.' },
    ...its,
  });
  expect(await send('another')).toMatchObject({ error: 'Unauthorized' });
});

// Its recording had a URL that is none, and was dropped without a word.
it("makes a call of anybody's, with its recording", async () => {
  const api = await testApi();
  const [, text = ''] = /curl \S+ [^\n]*-d '(\{[^']*\})'/.exec(readGuide('docs/ingest.md')) ?? [];
  const { body } = await api.request('POST', PATH, { body: JSON.parse(text) });
  expect((await api.request('GET', `/v1/calls/${body.id}`)).body.call).toMatchObject({
    provider: 'my-dialler',
    status: 'ended',
    durationSeconds: 96,
    recordingUrl: 'https://recordings.example/abc-1.wav',
  });
});
