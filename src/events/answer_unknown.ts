import { z } from 'zod';
import type { StoredEvent } from '../store/store.ts';
import type { EventData } from './catalogue.ts';

const CODE = 'answer_unknown';

/**
 * What `call.error` says of a phone that was called, and gone when somebody looked again: its process
 * was dead meanwhile. It may have rung, and been answered and put down, so nobody says what it cost.
 */
export const ANSWER_UNKNOWN = {
  code: CODE,
  message: 'nobody was there to see what became of the phone: it may have been answered',
} as const satisfies EventData['call.error'];

export function saysAnswerUnknown({ type, body }: StoredEvent): boolean {
  return type === 'call.error' && CallError.safeParse(JSON.parse(body)).data?.data.code === CODE;
}

const CallError = z.object({ data: z.object({ code: z.string() }) });
