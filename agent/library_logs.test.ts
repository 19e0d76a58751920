import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

/*
 * Loggers are one to a process, so each test has a process of its own: it routes the logs as worker
 * and call do, then lets the libraries log as they do themselves.
 */

const HERE = fileURLToPath(new URL('.', import.meta.url));

interface Line {
  level: string;
  time: string;
  name: string;
  msg: string;
  [field: string]: unknown;
}

const AGENTS = `
import { initializeLogger, log } from '@livekit/agents';
initializeLogger({ pretty: false, level: 'info' });
`;

/** What agents-js does when a job starts: a child of its logger becomes its logger. */
const JOB = `
const job = log().child({ pid: process.pid }).child({ jobID: 'AJ_1', room_id: 'RM_1' });
globalThis[Symbol.for('@livekit/agents:logger')] = job;
`;

async function outputOf(body: string, env: Record<string, string> = {}): Promise<string> {
  const route = new URL('./library_logs.ts', import.meta.url);
  const script = `import { routeLibraryLogs } from '${route}';\nrouteLibraryLogs();\n${body}`;
  const args = ['--input-type=module', '--eval', script];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
    cwd: HERE,
    env: { PATH: process.env.PATH, CALLWIRE_PRETTY: '0', ...env },
    timeout: 18_000,
  });
  return stdout + stderr;
}

async function linesOf(body: string, env?: Record<string, string>): Promise<Line[]> {
  const output = await outputOf(body, env);
  return output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

describe('what agents-js logs', () => {
  it('has the shape of our lines, before a job and in it', async () => {
    const lines = await linesOf(`${AGENTS}
log().warn({ timeout: 5 }, 'before');
${JOB}
log().child({ step: 1 }).error(new TypeError('broken'), 'in the job');
log().error({ error: new RangeError('too far') }, 'under another key');`);
    expect(lines).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        pid: expect.any(Number),
        name: 'livekit-agents',
        timeout: 5,
        msg: 'before',
      },
      expect.objectContaining({
        level: 'error',
        name: 'livekit-agents',
        jobID: 'AJ_1',
        room_id: 'RM_1',
        step: 1,
        err: expect.objectContaining({ type: 'TypeError', message: 'broken' }),
        msg: 'in the job',
      }),
      expect.objectContaining({
        err: expect.objectContaining({ type: 'RangeError', message: 'too far' }),
        msg: 'under another key',
      }),
    ]);
  });

  it('is readable where our lines are', async () => {
    const output = await outputOf(`${AGENTS}\nlog().warn('slow');`, { CALLWIRE_PRETTY: '1' });
    expect(output).toMatch(/^\[\d\d:\d\d:\d\d\.\d+] WARN \(livekit-agents\): slow\n$/);
  });

  it('is told from warnings on, and all of it where we are asked for all', async () => {
    const body = `${AGENTS}\nlog().info('a turn'); log().debug('a detail');`;
    expect(await linesOf(body)).toEqual([]);
    expect(await linesOf(body, { LOG_LEVEL: 'debug' })).toHaveLength(2);
    expect(await linesOf(`${AGENTS}\nlog().fatal('x');`, { LOG_LEVEL: 'silent' })).toEqual([]);
  });

  it('says nothing of a person', async () => {
    const output = await outputOf(`${AGENTS}
log().warn({ 'lk.pii.user_input': 'I am Ada', job: { room: { name: 'call_+15550100001_x' } } }, 'a');
log().warn({ room: 'call_+15550100001_x' }, 'no participant sip_+15550100001: gone');
log().error({ error: { message: 'Incorrect API key provided: sk-4sJHr***w8ZP.', body: 'Ada' } }, 'b');
log().warn('dialled +15550100002');
log().error(new Error('no answer from +1 555-010-0003'));
log().warn({ apiKey: 'a-made-up-key' }, 'ws://host/rtc?access_token=eyJhbGciOi.eyJpc3MiOi.bWFkZQ-up');`);
    expect(output).not.toMatch(/Ada|0100001|0100002|010-0003|4sJHr|w8ZP|a-made-up-key|bWFkZQ/);
    expect(output).toContain('no participant sip_…: gone');
    expect(output).toContain('"room":"call_…"');
    expect(output).toContain('Incorrect API key provided: sk-….');
  });
});

describe('what rtc-node logs', () => {
  /** A room whose server tells of somebody who was never there. */
  const ROOM = `
import { Room } from '@livekit/rtc-node';
const room = new Room();
Object.assign(room, { localParticipant: {}, ffiHandle: { handle: 1n }, info: {} });
const left = { case: 'participantDisconnected', value: { participantIdentity: 'sip_+15550100001' } };
const message = { case: 'roomEvent', value: { roomHandle: 1n, message: left } };
await room.processFfiEvent({ message });
process.exit(0);`;

  it('has the shape of our lines', async () => {
    expect(await linesOf(ROOM)).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        pid: expect.any(Number),
        name: 'livekit-rtc',
        msg: 'RoomEvent.ParticipantDisconnected: Could not find participant',
      },
    ]);
  });

  it('is nothing below our level', async () => {
    expect(await linesOf(ROOM, { LOG_LEVEL: 'error' })).toEqual([]);
  });
});
