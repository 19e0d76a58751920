import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createSecretBox } from './secret_box.ts';

const [one, two] = [randomBytes(32), randomBytes(32)];
const unreadable = expect.objectContaining({ code: 'SECRET_UNREADABLE' });

test('what is sealed can be opened, and looks different each time', () => {
  const box = createSecretBox({ current: one, previous: [] });
  for (const text of ['', 'whsec_made-up', 'Grüße 🎉']) {
    const sealed = box.seal(text);
    expect(box.open(sealed)).toBe(text);
    expect(box.seal(text)).not.toBe(sealed);
    expect(box.isCurrent(sealed)).toBe(true);
  }
});

test('a previous key still opens, and what it sealed is known as old', () => {
  const sealed = createSecretBox({ current: one, previous: [] }).seal('made-up');
  const box = createSecretBox({ current: two, previous: [one] });
  expect(box.isCurrent(sealed)).toBe(false);
  expect(box.isCurrent(box.seal(box.open(sealed)))).toBe(true);
});

test('another key opens nothing', () => {
  const sealed = createSecretBox({ current: one, previous: [] }).seal('made-up');
  const box = createSecretBox({ current: two, previous: [] });
  expect(() => box.open(sealed)).toThrow(unreadable);
});

test('a text that was changed anywhere is refused', () => {
  const box = createSecretBox({ current: one, previous: [] });
  const sealed = box.seal('made-up');
  for (let at = 0; at < sealed.length - 1; at++) {
    const changed = `${sealed.slice(0, at)}${sealed[at] === 'x' ? 'y' : 'x'}${sealed.slice(at + 1)}`;
    expect(() => box.open(changed)).toThrow(unreadable);
  }
  for (const text of ['', 'made-up', 'v1', 'v1..', sealed.slice(0, -1), sealed.slice(0, 24)]) {
    expect(() => box.open(text)).toThrow(unreadable);
  }
});
