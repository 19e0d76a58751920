import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { untilAborted } from '../../src/crm/until_aborted.ts';
import { bringUp } from './bring_up.ts';
import { describeCallingIn } from './calling_in.ts';
import type { Demo } from './demo_context.ts';
import { placeCall } from './place_call.ts';
import type { Terminal } from './terminal.ts';
import { failureOf } from './verdict.ts';

export interface DemoOptions {
  terminal: Terminal;
  /** Stay up after the call, until the signal. */
  keep: boolean;
  /** Ends everything, at any moment. */
  signal: AbortSignal;
}

/**
 * One call through a whole Callwire: a LiveKit stack and a worker of its own, stand-ins for model,
 * backend and phone. Resolves with whether everything that Callwire promises was seen; rejects with
 * what went wrong, or the signal's reason. Nothing is left running in any case.
 */
export async function runDemo({ terminal, keep, signal }: DemoOptions): Promise<boolean> {
  const broken = new AbortController();
  const cleanups: (() => Promise<unknown>)[] = [];
  const demo: Demo = {
    terminal,
    signal: AbortSignal.any([signal, broken.signal]),
    fail: (error) => broken.abort(error),
    onEnd: (cleanup) => cleanups.push(cleanup),
    folder: await makeFolder(),
  };
  let failed = false;
  try {
    const running = await bringUp(demo);
    const failure = failureOf(await placeCall(demo, running));
    const ok = failure === null;
    if (!ok) terminal.line(`\n${failure} Exit code 1${keep ? ' when this is stopped' : ''}.`);
    if (!keep) return ok;
    await describeCallingIn(demo, running.installation);
    await aborted(demo.signal);
    if (signal.aborted) return ok;
    throw demo.signal.reason;
  } catch (error) {
    failed = !signal.aborted;
    throw demo.signal.aborted ? demo.signal.reason : error;
  } finally {
    if (signal.aborted) terminal.line('\nstopping …');
    for (const cleanup of cleanups.reverse()) await cleanup().catch(() => undefined);
    const log = join(demo.folder, 'worker.log');
    if (failed && existsSync(log)) terminal.line(`\n  Log of the worker: ${log}`);
    // Only where nothing has come into it.
    await rmdir(demo.folder).catch(() => undefined);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  const never = new Promise<never>(() => undefined);
  return untilAborted(never, signal).catch(() => undefined);
}

/** In the working directory, as everything that Callwire keeps; where that is read-only, elsewhere. */
async function makeFolder(): Promise<string> {
  const started = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  const folder = resolve('.callwire', 'demo', started);
  try {
    await mkdir(folder, { recursive: true });
    return folder;
  } catch {
    return mkdtemp(join(tmpdir(), 'callwire-demo-'));
  }
}
