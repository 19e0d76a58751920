import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** Made up. */
const KEY = 'sk-a-made-up-key-of-a-backend';
const PROCESS = fileURLToPath(new URL('./testing/crashing_call_process.ts', import.meta.url));

it.each([
  ['throws', 'uncaught exception: the call process dies'],
  ['rejects', 'unhandled rejection'],
])(
  'a call process that %s says what broke, and nothing of a key',
  async (how, said) => {
    const child = spawn(process.execPath, [PROCESS, how], {
      env: { ...process.env, LOG_LEVEL: 'trace', CALLWIRE_PRETTY: '0', KEY_OF_BACKEND: KEY },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    expect(out).toContain(said);
    expect(out).toContain('something broke');
    expect(out + err).not.toContain(KEY);
  },
  30_000,
);
