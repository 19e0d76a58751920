import { RE2JS } from 're2js';

/**
 * Patterns out of somebody else's schema, run by RE2: in a time that grows with the text. JavaScript's own
 * engine goes back and forth over a text, for hours where a pattern wants that (`(a+)+$`).
 */
const MAX_CHARACTERS = 500;
/** RE2's instructions: each can be asked at each character. */
const MAX_STEPS = 500;
/** A longer text is taken to fit: 500 instructions at 4096 characters are 30 ms at the most. */
const MAX_TEXT = 4_096;

interface LinearPattern {
  test(text: string): boolean;
}

/** `null` where it cannot be run: it is none, is too large, or RE2 has no way to (look-around, `\1`). */
export function compilePattern(pattern: unknown): LinearPattern | null {
  if (typeof pattern !== 'string' || pattern.length > MAX_CHARACTERS) return null;
  try {
    const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
    if (compiled.programSize() > MAX_STEPS) return null;
    return { test: (text) => text.length > MAX_TEXT || compiled.matcher(text).find() };
  } catch {
    return null;
  }
}

/** For ajv, in place of `new RegExp`. */
export const linearRegExp = Object.assign(
  (pattern: string): LinearPattern => {
    const compiled = compilePattern(pattern);
    if (compiled === null) throw new Error('it has a pattern that cannot be run');
    return compiled;
  },
  { code: 'linearRegExp' },
);
