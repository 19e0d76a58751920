import { expect, it, onTestFinished } from 'vitest';
import { newId } from '../src/ids.ts';
import { LedgerClient } from '../src/ledger/client.ts';
import { socketPath } from '../src/ledger/socket_path.ts';
import { spoolDir } from '../src/ledger/spool.ts';
import { ending, opening, utterance } from '../src/ledger/testing/appends.ts';
import { commandFolder } from './testing/run_command.ts';
import { runningApi } from './testing/running_api.ts';

const WRITERS = 20;
const UTTERANCES = 40;
const EVENTS = WRITERS * (UTTERANCES + 2);

interface Shown {
  id: string;
  position: number;
  call_id: string;
  event: string;
  data: { transcript_sequence?: number };
}

it('whoever polls GET /v1/events misses nothing and gets nothing twice while 20 write', async () => {
  const { request, settings } = await runningApi(await commandFolder(), { RATE_LIMIT_READS: '0' });
  const socket = await socketPath(settings.dataDir);
  const written = new Map<string, string[]>();

  async function writer(): Promise<void> {
    const callId = newId('call');
    const client = new LedgerClient({
      callId,
      lease: 1,
      socketPath: socket,
      spoolDir: spoolDir(settings.dataDir),
    });
    onTestFinished(() => client.close({ deadlineMs: 0 }).then(() => {}));
    const appends = [
      opening(callId),
      ...Array.from({ length: UTTERANCES }, (_, n) => utterance(callId, `${n}`)),
      ending(callId),
    ];
    written.set(
      callId,
      appends.map(({ events: [event] }) => event.id),
    );
    await client.append(appends.shift()!);
    // Not one after the other: several of each are under way, so positions are fought for.
    await Promise.all(appends.map((append) => client.append(append)));
  }

  // What follows each call by itself is none of the writers'.
  const ofWriters = (events: Shown[]) => events.filter((one) => one.event !== 'call.completed');
  const seen: Shown[] = [];
  async function poller(): Promise<void> {
    for (let after = '0'; seen.length < EVENTS; ) {
      const { status, body } = await request('GET', `/v1/events?after=${after}&limit=7`);
      expect(status).toBe(200);
      seen.push(...ofWriters(body.events));
      after = body.nextCursor;
    }
    const last = `/v1/events?after=${seen.at(-1)?.position}`;
    expect(ofWriters((await request('GET', last)).body.events)).toEqual([]);
  }

  await Promise.all([poller(), ...Array.from({ length: WRITERS }, writer)]);
  const positions = seen.map(({ position }) => position);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
  expect(new Set(seen.map(({ id }) => id)).size).toBe(EVENTS);
  expect(seen).toHaveLength(EVENTS);
  for (const [callId, ids] of written) {
    const ofCall = seen.filter(({ call_id }) => call_id === callId);
    expect(ofCall.map(({ id }) => id)).toEqual(ids);
  }
}, 60_000);
