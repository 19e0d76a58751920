import { z } from 'zod';
import { CallwireError, isCallwireError } from '../errors.ts';

/**
 * An error as it crosses a thread or a socket: neither keeps classes, and a cause may hold
 * anything, so only what `CallwireError` promises travels.
 */
export type WireError = z.infer<typeof WireError>;
export const WireError = z.object({
  code: z.string(),
  message: z.string(),
  retryable: z.boolean(),
  remedy: z.string().optional(),
});

/** An error without a code is a bug of ours: it travels as `STORE_FAILED`. */
export function toWireError(error: unknown): WireError {
  if (!isCallwireError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return { code: 'STORE_FAILED', message, retryable: false };
  }
  const { code, message, retryable, remedy } = error;
  return { code, message, retryable, ...(remedy !== undefined && { remedy }) };
}

export function fromWireError({ code, message, retryable, remedy }: WireError): CallwireError {
  return new CallwireError(code, message, { retryable, ...(remedy !== undefined && { remedy }) });
}
