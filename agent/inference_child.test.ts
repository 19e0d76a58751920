import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

/*
 * agents-js registers its runners once in the life of a process, so each test has one of its own.
 */

async function runnersOf(before: string): Promise<string[]> {
  const script = `
    import { AgentServer, InferenceRunner, initializeLogger, ServerOptions } from '@livekit/agents';
    initializeLogger({ pretty: false, level: 'silent' });
    ${before}
    new AgentServer(new ServerOptions({
      agent: '/made-up.ts', wsURL: 'ws://127.0.0.1:1', apiKey: 'made-up', apiSecret: 'made-up',
      production: false, host: '127.0.0.1', port: 0,
    }));
    console.log(JSON.stringify(Object.keys(InferenceRunner.registeredRunners)));
    process.exit(0);
  `;
  const options = { cwd: import.meta.dirname, timeout: 18_000 };
  const args = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

// The process costs 334 MB and serves a turn detector that a Realtime model does not use.
describe('the inference process of agents-js', () => {
  it('is not started where `registerRunner` does nothing', async () => {
    expect(await runnersOf('InferenceRunner.registerRunner = () => undefined;')).toEqual([]);
  });

  it('would be started otherwise, or the line in worker.ts is not needed any more', async () => {
    expect(await runnersOf('')).not.toEqual([]);
  });
});
