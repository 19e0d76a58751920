import { readFile } from 'node:fs/promises';
import { arch, cpus, hostname, loadavg, platform, release, totalmem } from 'node:os';
import type { Result } from './result.ts';

/** What the numbers were measured on. */
export function describeMachine(): Result['machine'] {
  const processors = cpus();
  return {
    host: hostname(),
    cpu: processors[0]?.model.trim() || `${platform()} ${arch()}`,
    cores: Math.max(1, processors.length),
    memoryInGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    loadBefore: loadavg()[0] ?? 0,
  };
}

const PACKAGES = ['@livekit/agents', '@livekit/agents-plugin-openai', '@livekit/rtc-node'];
const PROGRAMS = [
  ['livekit-server', 'github.com/livekit/livekit-server'],
  ['livekit-sip', 'github.com/livekit/sip'],
] as const;

/** Of what was installed, not of what package.json would allow. */
export async function installedVersions(): Promise<Record<string, string>> {
  const versions: Record<string, string> = { callwire: await packageVersion('package.json') };
  for (const name of PACKAGES) {
    versions[name] = await packageVersion(`node_modules/${name}/package.json`);
  }
  for (const [name, module] of PROGRAMS) {
    const text = await readFile(atRoot(`stack/${name}/go.mod`), 'utf8');
    versions[name] = new RegExp(`${module} (v\\S+)`).exec(text)?.[1] ?? 'unknown';
  }
  return versions;
}

async function packageVersion(path: string): Promise<string> {
  const { version } = JSON.parse(await readFile(atRoot(path), 'utf8')) as { version?: string };
  return version ?? 'unknown';
}

function atRoot(path: string): URL {
  return new URL(`../${path}`, import.meta.url);
}
