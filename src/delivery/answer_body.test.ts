import { expect, it } from 'vitest';
import { AnswerBody, MAX_ANSWER_BYTES } from './answer_body.ts';

function read(...chunks: Buffer[]): string {
  const body = new AnswerBody();
  for (const chunk of chunks) body.push(chunk);
  return body.text();
}

it('keeps a short answer as it is, but for NULs, which Postgres refuses', () => {
  expect(read()).toBe('');
  expect(read(Buffer.from('Grü'), Buffer.from('ße\0!'))).toBe('Grüße!');
});

it('never keeps more than 4 KB, whole characters only, also of bytes that are no text', () => {
  const euros = read(Buffer.from('€'.repeat(5000)));
  expect(Buffer.byteLength(euros)).toBeLessThanOrEqual(MAX_ANSWER_BYTES);
  expect(euros.length).toBeGreaterThan(1300);
  const noise = read(Buffer.alloc(9000, 0xff));
  expect(Buffer.byteLength(noise)).toBeLessThanOrEqual(MAX_ANSWER_BYTES);
});

it('says when it has enough', () => {
  const body = new AnswerBody();
  const pushed = Array.from({ length: 5 }, () => body.push(Buffer.alloc(1024, 'x')));
  expect(pushed).toEqual([true, true, true, false, false]);
  expect(body.text()).toHaveLength(MAX_ANSWER_BYTES);
});
