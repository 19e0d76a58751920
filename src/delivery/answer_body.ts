import type { Readable } from 'node:stream';

/** What is kept of an answer, for people who look into a failed delivery. */
export const MAX_ANSWER_BYTES = 4096;

/**
 * The first 4 KB of an answer as text. Whatever follows is never read: the stream is destroyed, and
 * with it the connection, which is cheaper than draining a body that may have no end. An answer
 * that breaks off gives what there was.
 */
export async function readAnswer(body: Readable): Promise<string> {
  // An abort between two reads has nobody else to tell.
  body.on('error', () => {});
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_ANSWER_BYTES) break;
    }
  } catch {
    // The status has been received, and that is what counts.
  } finally {
    body.destroy();
  }
  // Postgres takes no NUL in a text, and replacement characters make the text longer than its bytes.
  const text = Buffer.concat(chunks).toString('utf8', 0, MAX_ANSWER_BYTES).replaceAll('\0', '');
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MAX_ANSWER_BYTES));
  return text.slice(0, read);
}
