import { appendFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newId } from '../ids.ts';
import type { Append } from '../store/store.ts';
import { parseSpoolLine, Spool, spoolLine } from './spool.ts';
import { aliveAtStart, recoverSpools } from './spool_recovery.ts';
import { ending, opening, utterance } from './testing/appends.ts';
import { dataFolder } from './testing/data_folder.ts';
import { fakeStore } from './testing/fake_store.ts';

const nobody = () => false;
const everybody = () => true;
const lines = (...appends: Append[]) => appends.map((a) => spoolLine(JSON.stringify(a)));

describe('a spool line', () => {
  it('is JSON that carries the append', () => {
    const append = utterance(newId('call'), 'ä "quoted"\n text');
    const line = spoolLine(JSON.stringify(append));
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(JSON.parse(line)).toMatchObject({ append });
    expect(JSON.parse(parseSpoolLine(line.slice(0, -1))!)).toEqual(append);
  });

  it('is known to be damaged when a byte of it has changed', () => {
    const line = spoolLine('{"callId":"call_1"}').slice(0, -1);
    for (let i = 0; i < line.length; i++) {
      expect(parseSpoolLine(`${line.slice(0, i)}~${line.slice(i + 1)}`)).toBeNull();
    }
  });
});

describe('Spool', () => {
  it('writes for its owner only, and removes a file with its last acknowledgement', async () => {
    const { spoolDir } = await dataFolder();
    const callId = newId('call');
    const spool = new Spool({ dir: spoolDir, owner: callId });
    const file = await spool.write(lines(opening(callId), utterance(callId, 'a')));
    expect(await readdir(spoolDir)).toEqual([`${callId}.${process.pid}.1.ndjson`]);
    expect((await stat(file.path)).mode & 0o777).toBe(0o600);
    expect((await stat(spoolDir)).mode & 0o777).toBe(0o700);
    await spool.acknowledged(file);
    expect(await readdir(spoolDir)).toHaveLength(1);
    await spool.acknowledged(file);
    expect(await readdir(spoolDir)).toEqual([]);
    await spool.write(lines(ending(callId)));
    expect(await readdir(spoolDir)).toEqual([`${callId}.${process.pid}.2.ndjson`]);
    await spool.close();
  });

  it('does not write into the file of a dead process that had the same pid', async () => {
    const { spoolDir } = await dataFolder();
    await mkdir(spoolDir);
    const old = `worker.${process.pid}.1.ndjson`;
    await writeFile(join(spoolDir, old), 'old');
    const spool = new Spool({ dir: spoolDir, owner: 'worker' });
    await spool.write(lines(ending(newId('call'))));
    await spool.close();
    expect((await readdir(spoolDir)).sort()).toEqual([old, `worker.${process.pid}.2.ndjson`]);
    expect(await readFile(join(spoolDir, old), 'utf8')).toBe('old');
  });

  it('rejects when the disk takes nothing, and begins a new file when it does again', async () => {
    const { dataDir } = await dataFolder();
    const dir = join(dataDir, 'spool');
    await writeFile(dir, 'a file where the folder should be');
    const spool = new Spool({ dir, owner: 'worker' });
    await expect(spool.write(['x\n'])).rejects.toMatchObject({
      code: 'LEDGER_UNAVAILABLE',
      retryable: true,
      remedy: expect.stringContaining('DATA_DIR'),
    });
    const other = new Spool({ dir: join(dataDir, 'other'), owner: 'worker' });
    const file = await other.write(['x\n']);
    await file.handle.close(); // what an fsync that fails leaves: a file of which nothing is known
    await expect(other.write(['y\n'])).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' });
    expect((await other.write(['z\n'])).path).not.toBe(file.path);
    await other.close();
  });
});

describe('recoverSpools', () => {
  it('takes everything once, in order, and removes the files of the dead', async () => {
    const { spoolDir } = await dataFolder();
    const fake = fakeStore();
    const callId = newId('call');
    const all = [
      opening(callId),
      ...[1, 2, 3].map((i) => utterance(callId, `${i}`)),
      ending(callId),
    ];
    await mkdir(spoolDir);
    // Numbers, not names, tell the order: 9 is before 10.
    await writeFile(join(spoolDir, `${callId}.77.9.ndjson`), lines(...all.slice(0, 2)).join(''));
    await writeFile(join(spoolDir, `${callId}.77.10.ndjson`), lines(...all.slice(1)).join(''));
    expect(await recoverSpools(fake.store, spoolDir, { isAlive: everybody })).toMatchObject({
      files: 2,
    });
    expect(await readdir(spoolDir)).toHaveLength(2);
    await recoverSpools(fake.store, spoolDir, { isAlive: nobody });
    expect(await readdir(spoolDir)).toEqual([]);
    expect(fake.committed).toEqual(all.map(({ events }) => events[0].id));
  });

  it('ignores a torn last line: nobody was promised it', async () => {
    const { spoolDir } = await dataFolder();
    const fake = fakeStore();
    const callId = newId('call');
    const path = join(spoolDir, `${callId}.77.1.ndjson`);
    await mkdir(spoolDir);
    await writeFile(path, lines(opening(callId)).join(''));
    await appendFile(path, lines(ending(callId)).join('').slice(0, -20));
    const recovered = await recoverSpools(fake.store, spoolDir, { isAlive: nobody });
    expect(recovered).toEqual({ files: 1, appends: 1, setAside: 0 });
    expect(fake.types(callId)).toEqual(['call.started']);
    expect(await readdir(spoolDir)).toEqual([]);
  });

  it('sets a file with a damaged line aside and takes the rest of it', async () => {
    const { spoolDir } = await dataFolder();
    const fake = fakeStore();
    const callId = newId('call');
    const [first, second, third] = lines(opening(callId), utterance(callId, 'a'), ending(callId));
    await mkdir(spoolDir);
    const name = `${callId}.77.1.ndjson`;
    const text = `${first}${second!.replace('caller', 'cal\0er')}not even JSON\n${third}`;
    await writeFile(join(spoolDir, name), text);
    const recovered = await recoverSpools(fake.store, spoolDir, { isAlive: nobody });
    expect(recovered).toEqual({ files: 1, appends: 2, setAside: 2 });
    expect(fake.types(callId)).toEqual(['call.started', 'call.ended']);
    expect(await readdir(spoolDir)).toEqual([`${name}.corrupt`]);
    expect(await recoverSpools(fake.store, spoolDir, { isAlive: nobody })).toMatchObject({
      files: 0,
    });
  });

  it('leaves everything where it is while the store fails', async () => {
    const { spoolDir } = await dataFolder();
    const fake = fakeStore();
    const callId = newId('call');
    await mkdir(spoolDir);
    await writeFile(join(spoolDir, `${callId}.77.1.ndjson`), lines(opening(callId)).join(''));
    fake.failWith(new Error('disk full'));
    await expect(recoverSpools(fake.store, spoolDir, { isAlive: nobody })).rejects.toThrow('full');
    expect(await readdir(spoolDir)).toHaveLength(1);
  });

  it('takes its own pid for a dead one at the start only', async () => {
    const { spoolDir } = await dataFolder();
    const fake = fakeStore();
    const callId = newId('call');
    const spool = new Spool({ dir: spoolDir, owner: callId });
    await spool.write(lines(opening(callId)));
    await recoverSpools(fake.store, spoolDir, { deadOnly: true });
    expect(fake.committed).toEqual([]);
    await recoverSpools(fake.store, spoolDir, { isAlive: aliveAtStart });
    expect(fake.types(callId)).toEqual(['call.started']);
    expect(await readdir(spoolDir)).toEqual([]);
    await spool.close();
  });

  it('finds nothing where nothing ever had to be spooled', async () => {
    const { spoolDir } = await dataFolder();
    expect(await recoverSpools(fakeStore().store, spoolDir)).toMatchObject({ files: 0 });
  });
});
