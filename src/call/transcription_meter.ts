import { z } from 'zod';
import type { TranscriptionUsage } from '../cost/call_usage.ts';

const COMPLETED = 'conversation.item.input_audio_transcription.completed';

/** The two ways in which the provider says what an utterance has used. */
const usage = z.union([
  z.object({
    type: z.literal('tokens'),
    input_token_details: z.object({ text_tokens: z.number(), audio_tokens: z.number() }),
    output_tokens: z.number(),
  }),
  z.object({ type: z.literal('duration'), seconds: z.number() }),
]);

/**
 * Adds up what the transcription of the caller has used. agents-js leaves it out of its totals
 * (1.9.0), so it is read from the model's raw events.
 */
export class TranscriptionMeter {
  readonly #total: TranscriptionUsage;

  /** @param model The name of the model that transcribes. */
  constructor(model: string) {
    this.#total = {
      model,
      inputTextTokens: 0,
      inputAudioTokens: 0,
      outputTokens: 0,
      seconds: 0,
      untold: 0,
    };
  }

  /** Whatever event of the model's comes. */
  take(event: { type?: unknown; usage?: unknown }): void {
    if (event.type !== COMPLETED) return;
    const used = usage.safeParse(event.usage).data;
    const total = this.#total;
    if (used?.type === 'tokens') {
      total.inputTextTokens += used.input_token_details.text_tokens;
      total.inputAudioTokens += used.input_token_details.audio_tokens;
      total.outputTokens += used.output_tokens;
    } else if (used?.type === 'duration') {
      total.seconds += used.seconds;
    } else {
      total.untold += 1;
    }
  }

  get total(): TranscriptionUsage {
    return { ...this.#total };
  }
}
