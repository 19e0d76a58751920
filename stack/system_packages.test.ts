import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { installSystemPackages, missingPackages } from './system_packages.ts';

let bin: string;
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'callwire-apt-'));
  vi.stubEnv('PATH', bin);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(bin, { recursive: true, force: true });
});

function program(name: string, script = 'exit 0'): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}

const install = () =>
  installSystemPackages(['redis-server', 'gcc'], {
    signal: new AbortController().signal,
    log() {},
  });

describe('packages of the system', () => {
  it('are missing where what they bring is not there', async () => {
    program('cc'); // no gcc, but as good
    expect(await missingPackages(['redis-server', 'gcc', 'libopus-dev'])).toEqual([
      'redis-server',
      'libopus-dev',
    ]);
    program('pkg-config', '[ "$2" = opus ]');
    expect(await missingPackages(['libopus-dev', 'libsoxr-dev'])).toEqual(['libsoxr-dev']);
  });

  it('are installed by root, only what is missing', async () => {
    vi.spyOn(process, 'getuid').mockReturnValue(0);
    program('cc');
    program(
      'apt-get',
      `echo "$DEBIAN_FRONTEND $*" >> ${bin}/calls; [ "$5" != --yes ] || { echo > ${bin}/redis-server; /bin/chmod +x ${bin}/redis-server; }`,
    );
    await install();
    const calls = readFileSync(join(bin, 'calls'), 'utf8').trim().split('\n');
    expect(calls).toEqual([
      expect.stringMatching(/^noninteractive .*DPkg::Lock::Timeout=\d+ update$/),
      expect.stringMatching(/ install --yes --no-install-recommends redis-server$/),
    ]);
  });

  it('are asked for with the command, where the user may not install', async () => {
    vi.spyOn(process, 'getuid').mockReturnValue(1000);
    program('apt-get', `echo called > ${bin}/calls`);
    await expect(install()).rejects.toMatchObject({
      code: 'STACK_PACKAGES_MISSING',
      remedy: expect.stringContaining('sudo apt-get install --yes redis-server gcc'),
    });
    expect(() => readFileSync(join(bin, 'calls'))).toThrow();
  });

  it('come with what apt said when it fails', async () => {
    vi.spyOn(process, 'getuid').mockReturnValue(0);
    program('apt-get', 'echo "E: Unable to fetch" >&2; exit 100');
    await expect(install()).rejects.toMatchObject({
      code: 'STACK_PACKAGES_MISSING',
      message: expect.stringContaining('E: Unable to fetch'),
    });
  });
});
