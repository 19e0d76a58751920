/*
 * Characters that are no text: NUL, which Postgres takes in no column and C reads as the end, and those
 * that steer a terminal or break a line of a log, a table or a header.
 */

/** Of a name: one line. */
export function hasControlCharacters(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

/** Of a text of several lines, whose line breaks and tabs are its own. */
export function hasControlCharactersInLines(text: string): boolean {
  return hasControlCharacters(text.replaceAll(/[\t\n\r]/g, ''));
}
