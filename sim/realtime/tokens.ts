/*
 * Plausible token counts that follow the lengths, so that sums of usage and cost can be checked.
 * OpenAI counts one token for 100 ms of the caller's audio and for 50 ms of the model's; of English
 * text one for about four characters.
 */

export function textTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

export function heardTokens(audioMs: number): number {
  return Math.ceil(audioMs / 100);
}

export function spokenTokens(audioMs: number): number {
  return Math.ceil(audioMs / 50);
}
