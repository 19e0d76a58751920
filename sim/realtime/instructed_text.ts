/** Longest sentence made of instructions that do not dictate one. */
const MAX_PARAPHRASE = 160;

export interface Instructed {
  text: string;
  /** True where the instructions dictated the words ("Say exactly: …"). */
  exact: boolean;
}

/**
 * What a model that obeys would say to the instructions of one response: the words after the last
 * "Say exactly:", in quotes or up to the end of the line; otherwise the instructions themselves,
 * shortened, so that a listener recognises which ones they were.
 *
 * The plugin puts the session's instructions in front of the response's own (the API's field
 * replaces them); they are cut off here. Undefined where nothing of its own is left.
 */
export function instructedText(
  instructions: string | undefined,
  sessionInstructions: string | undefined,
): Instructed | undefined {
  if (!instructions) return undefined;
  const own = (
    sessionInstructions && instructions.startsWith(sessionInstructions)
      ? instructions.slice(sessionInstructions.length)
      : instructions
  ).trim();
  if (!own) return undefined;
  const dictated = dictation(own);
  if (dictated !== undefined) return { text: dictated, exact: true };
  return { text: shortened(own), exact: false };
}

function dictation(own: string): string | undefined {
  const said = [...own.matchAll(/say exactly:\s*/gi)].at(-1);
  if (!said) return undefined;
  const rest = own.slice(said.index + said[0].length);
  const json = /^"(?:[^"\\]|\\.)*"/s.exec(rest)?.[0];
  if (json) return unquoted(json);
  const curly = /^“([^”]*)”/.exec(rest)?.[1];
  return (curly ?? rest.split('\n', 1)[0] ?? '').trim();
}

/** JSON's escapes where the writer used them (`\n`, `\"`), the bare characters where not. */
function unquoted(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted.slice(1, -1);
  }
}

function shortened(own: string): string {
  const line = own.replace(/\s+/g, ' ');
  if (line.length <= MAX_PARAPHRASE) return line;
  return `${line.slice(0, MAX_PARAPHRASE).replace(/\s\S*$/, '')} …`;
}
