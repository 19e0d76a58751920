import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildGoProgram } from './go_build.ts';
import { cachedProgram, findGoProgram, LIVEKIT_SERVER } from './go_program.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'callwire-build-'));
  mkdirSync(join(folder, 'bin'));
  vi.stubEnv('PATH', `${join(folder, 'bin')}${delimiter}/usr/bin${delimiter}/bin`);
  vi.stubEnv('CALLWIRE_CACHE', join(folder, 'cache'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

function program(name: string, script: string): void {
  const path = join(folder, 'bin', name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

const build = (signal = new AbortController().signal, log = (_: string) => {}) =>
  buildGoProgram(LIVEKIT_SERVER, { signal, log });
const builtFolders = () =>
  readdirSync(join(folder, 'cache', 'stack')).filter((n) => !n.endsWith('.lock'));

describe('building a LiveKit program', () => {
  it('happens once, also where two starts want it at a time', async () => {
    program(
      'go',
      `echo run >> ${folder}/runs; sleep 0.3; echo built > $GOBIN/server; chmod +x $GOBIN/server`,
    );
    const paths = await Promise.all([build(), build()]);
    expect(new Set(paths)).toEqual(new Set([cachedProgram(LIVEKIT_SERVER)]));
    expect(findGoProgram(LIVEKIT_SERVER)).toBe(paths[0]);
    expect(readFileSync(join(folder, 'runs'), 'utf8')).toBe('run\n');
  });

  it('shows the end of what Go said when it fails, and leaves nothing half made', async () => {
    program('go', 'echo partly > $GOBIN/server; echo "no such host" >&2; exit 1');
    await expect(build()).rejects.toMatchObject({
      code: 'STACK_BUILD_FAILED',
      message: expect.stringContaining('no such host'),
      remedy: expect.stringContaining('GOPROXY'),
    });
    expect(builtFolders()).toEqual([]);
  });

  it('ends Go when it is given up', async () => {
    program('go', `echo $$ > ${folder}/pid; exec sleep 60`);
    const reason = new Error('enough');
    const interrupted = new AbortController();
    const building = build(interrupted.signal);
    building.catch(() => {});
    const pid = Number(
      await vi.waitFor(() => readFileSync(join(folder, 'pid'), 'utf8').trim() || Promise.reject()),
    );
    interrupted.abort(reason);
    await expect(building).rejects.toBe(reason);
    expect(() => process.kill(pid, 0)).toThrow();
    expect(builtFolders()).toEqual([]);
  });
});

describe('a LiveKit program', () => {
  it('is taken from the PATH where it is there', () => {
    program('livekit-server', 'exit 0');
    expect(findGoProgram(LIVEKIT_SERVER)).toBe(join(folder, 'bin', 'livekit-server'));
  });

  it('is built anew when a version of what it is made of changes', () => {
    const module = join(folder, 'module');
    mkdirSync(module);
    const key = (mod: string, sum: string) => {
      writeFileSync(join(module, 'go.mod'), mod);
      writeFileSync(join(module, 'go.sum'), sum);
      return cachedProgram(LIVEKIT_SERVER, { module });
    };
    const keys = [key('a', 'b'), key('a2', 'b'), key('a', 'b2')];
    expect(new Set(keys).size).toBe(3);
    expect(key('a', 'b')).toBe(keys[0]);
  });

  it('is kept where the caches of this user are', () => {
    const at = (env: NodeJS.ProcessEnv) => cachedProgram(LIVEKIT_SERVER, { env });
    expect(at({ CALLWIRE_CACHE: '/c', XDG_CACHE_HOME: '/x' })).toMatch(
      /^\/c\/stack\/livekit-server-v1\.13\.5-[0-9a-f]{12}\/server$/,
    );
    expect(at({ XDG_CACHE_HOME: '/x' })).toMatch(/^\/x\/callwire\/stack\//);
    expect(at({})).toMatch(/\/\.cache\/callwire\/stack\//);
  });

  it('is kept where .env says', () => {
    vi.stubEnv('CALLWIRE_CACHE', undefined);
    writeFileSync(join(folder, '.env'), 'CALLWIRE_CACHE=/of-dot-env\n');
    const cwd = vi.spyOn(process, 'cwd').mockReturnValue(folder);
    try {
      expect(cachedProgram(LIVEKIT_SERVER)).toMatch(/^\/of-dot-env\/stack\//);
    } finally {
      cwd.mockRestore();
    }
  });
});
