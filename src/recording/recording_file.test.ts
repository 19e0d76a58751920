import { mkdtempDisposable, open, readFile, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SmallDisk } from '../../sim/installation/small_disk.ts';
import { RecordingFile } from './recording_file.ts';
import { soundMs, WAV_HEADER_BYTES } from './wav.ts';

async function folder(): Promise<string> {
  const made = await mkdtempDisposable(join(tmpdir(), 'callwire-recording-'));
  onTestFinished(() => made.remove());
  return made.path;
}

const never = (error: unknown) => {
  throw error;
};
const block = (value: number, bytes = 400) => Buffer.alloc(bytes, value);

/** What the header says of the bytes behind it. */
const told = (wav: Buffer) => wav.readUInt32LE(40);

describe('the file of a recording', () => {
  it('is a WAV file of what was appended, for its owner only', async () => {
    const path = join(await folder(), 'made', 'call.wav');
    const file = await RecordingFile.open(path, { onBroken: never });
    file.append(block(1));
    file.append(block(2));
    await file.close();
    const wav = await readFile(path);
    expect(wav.subarray(WAV_HEADER_BYTES)).toEqual(Buffer.concat([block(1), block(2)]));
    expect(told(wav)).toBe(800);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('leaves out what a slow disk has no room for, and stays in time', async () => {
    const path = join(await folder(), 'call.wav');
    const file = await RecordingFile.open(path, { onBroken: never, maxWaiting: 1_000 });
    for (const value of [1, 2, 3]) file.append(block(value));
    // Nothing has been written yet: the third has no room, and the event loop has not moved.
    expect(file.dropped).toBe(400);
    await waitUntil(async () => (await stat(path)).size === WAV_HEADER_BYTES + 800);
    file.append(block(4));
    await file.close();
    const sound = (await readFile(path)).subarray(WAV_HEADER_BYTES);
    expect(sound).toEqual(Buffer.concat([block(1), block(2), block(0), block(4)]));
    expect(file.bytes).toBe(WAV_HEADER_BYTES + 1_600);
  });

  it('is gone on with where a dead process left it, behind the last whole sample', async () => {
    const path = join(await folder(), 'call.wav');
    const first = await RecordingFile.open(path, { onBroken: never });
    first.append(block(1));
    await first.close();
    await truncate(path, WAV_HEADER_BYTES + 398);
    const second = await RecordingFile.open(path, { onBroken: never });
    second.append(block(2));
    await second.close();
    const wav = await readFile(path);
    expect(wav.subarray(WAV_HEADER_BYTES)).toEqual(Buffer.concat([block(1, 396), block(2)]));
    expect(told(wav)).toBe(796);
  });

  it('ends where the disk is full, is told once, and holds what there was room for', async () => {
    const disk = await SmallDisk.mount({ megabytes: 1 });
    onTestFinished(() => disk.unmount());
    const path = join(disk.path, 'call.wav');
    const broken: unknown[] = [];
    const file = await RecordingFile.open(path, { onBroken: (error) => broken.push(error) });
    for (let i = 0; i < 40; i++) file.append(block(1, 32_000));
    await file.close();
    expect(broken).toEqual([expect.objectContaining({ code: 'ENOSPC' })]);
    const wav = await readFile(path);
    expect(soundMs(wav.length)).toBeGreaterThan(10_000);
    expect(told(wav)).toBe(wav.length - WAV_HEADER_BYTES - ((wav.length - WAV_HEADER_BYTES) % 4));
    file.append(block(2));
    expect(broken).toHaveLength(1);
  });

  it('cannot be made where there is no folder to be', async () => {
    const path = join(await folder(), 'a-file');
    await (await open(path, 'w')).close();
    await expect(
      RecordingFile.open(join(path, 'call.wav'), { onBroken: never }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/ENOTDIR|EEXIST/) });
  });
});

async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}
