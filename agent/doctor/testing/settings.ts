import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadSettings, type Settings } from '../../../src/config/settings.ts';

/** As `.env` would give them, in a folder of their own that is gone with the test. */
export function settingsOf(env: Record<string, string> = {}): Settings {
  const cwd = mkdtempSync(join(tmpdir(), 'callwire-doctor-'));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  return loadSettings({ env, cwd });
}
