import { expect, it } from 'vitest';
import { filledGuide, GUIDES, readGuide } from './generate_guides.ts';

it.each(Object.entries(GUIDES))('%s shows what is in the code', (path, parts) => {
  const page = readGuide(path);
  expect(page, 'run `npm run generate`').toBe(filledGuide(page, parts));
});

it('a part is replaced, whatever stood there; one too many or too few is a mistake', () => {
  const parts = { a: () => 'new $& text' };
  const page = (...between: string[]) =>
    ['Before', '<!-- a: generated -->', ...between, '<!-- end -->', 'behind\n'].join('\n');
  const filled = page('new $& text');
  for (const before of [page(), page('old'), page('old', '', 'lines'), filled]) {
    expect(filledGuide(before, parts)).toBe(filled);
    expect(filledGuide(before + before, parts)).toBe(filled + filled);
  }
  expect(() => filledGuide(filled, {})).toThrow('nothing makes the part a');
  expect(() => filledGuide('Before', parts)).toThrow('lacks a');
});
