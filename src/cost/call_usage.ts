import { z } from 'zod';

const count = z.number().nonnegative().default(0);

/**
 * What a call has used, as its last `usage` fact says: tokens of the speech model by their kind, and
 * what the transcription of the caller has used. A kind that is missing was not used.
 */
export const callUsage = z.object({
  model: z.string(),
  inputTokens: count,
  inputTextTokens: count,
  inputAudioTokens: count,
  inputCachedTokens: count,
  inputCachedTextTokens: count,
  inputCachedAudioTokens: count,
  outputTokens: count,
  outputTextTokens: count,
  outputAudioTokens: count,
  transcription: z
    .object({
      model: z.string(),
      inputTextTokens: count,
      inputAudioTokens: count,
      outputTokens: count,
      /** Of the caller's speech, where the provider counts its time. */
      seconds: count,
      /** Utterances of which the provider did not say what they used. */
      untold: count,
    })
    .nullable()
    .default(null),
});

export type CallUsage = z.infer<typeof callUsage>;
export type TranscriptionUsage = NonNullable<CallUsage['transcription']>;
