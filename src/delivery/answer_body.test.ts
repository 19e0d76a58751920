import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { MAX_ANSWER_BYTES, readAnswer } from './answer_body.ts';

const read = (...chunks: Buffer[]) => readAnswer(Readable.from(chunks));

it('keeps a short answer as it is, but for NULs, which Postgres refuses', async () => {
  expect(await read(Buffer.from('Grü'), Buffer.from('ße\0!'))).toBe('Grüße!');
});

it('never keeps more than 4 KB, whole characters only, also of bytes that are no text', async () => {
  const euros = await read(Buffer.from('€'.repeat(5000)));
  expect(Buffer.byteLength(euros)).toBeLessThanOrEqual(MAX_ANSWER_BYTES);
  expect(euros.length).toBeGreaterThan(1300);
  const noise = await read(Buffer.alloc(9000, 0xff));
  expect(Buffer.byteLength(noise)).toBeLessThanOrEqual(MAX_ANSWER_BYTES);
});

it('stops reading behind 4 KB and destroys the stream', async () => {
  let chunks = 0;
  const endless = new Readable({
    highWaterMark: 1024,
    read() {
      chunks += 1;
      this.push(Buffer.alloc(1024, 'x'));
    },
  });
  expect(await readAnswer(endless)).toHaveLength(MAX_ANSWER_BYTES);
  expect(endless.destroyed).toBe(true);
  expect(chunks).toBeLessThan(20);
});

it('keeps what there was of an answer that breaks off', async () => {
  const broken = Readable.from(
    (async function* () {
      yield Buffer.from('half an');
      await Promise.reject(new Error('reset'));
    })(),
  );
  expect(await readAnswer(broken)).toBe('half an');
});
