import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { httpServer } from './doctor/testing/http_server.ts';

const SCRIPT = fileURLToPath(new URL('../docs/examples/calls/curl/calls.sh', import.meta.url));

// The whole way of the script is in test/calls_api.test.ts. Of a refused call it showed only "curl: (22)
// The requested URL returned error: 422": the body went into a variable of a script that ended.
it('docs/examples/calls/curl says why a call was refused, and ends', async () => {
  const refusal = '{"error":{"code":"consent_required","message":"Nobody is called who …"}}';
  const url = await httpServer((_, response) => {
    response.writeHead(422, { 'content-type': 'application/json' }).end(refusal);
  });
  const { PATH = '' } = process.env;
  const env = { PATH, CALLWIRE_URL: url, API_KEY: 'made-up', TO: '+15550100001', KEY: 'k' };
  const ended = await new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile('bash', [SCRIPT], { env }, (error, stdout, stderr) =>
      resolve({ code: error?.code, stdout, stderr }),
    );
  });
  expect(ended).toEqual({ code: 1, stdout: '', stderr: expect.stringContaining(refusal) });
});
