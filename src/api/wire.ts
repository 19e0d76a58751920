import { z } from 'zod';
import { API_ERRORS, type ApiErrorCode } from './api_error.ts';

/* The pieces that the schemas of several routes are made of. */

/** A path's id. What it looks like is not checked: an unknown one is 404 either way. */
export const IdParams = z.object({ id: z.string().min(1).max(100) });

export const Time = z.iso.datetime().describe('ISO 8601, UTC.');

export function isoTime(ms: number): string;
export function isoTime(ms: number | null): string | null;
export function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** A text that says something, without blanks around it. */
export function text(max: number) {
  return z.string().trim().min(1).max(max);
}

export const ErrorAnswer = z
  .object({
    error: z.object({
      code: z
        .enum(Object.keys(API_ERRORS) as [ApiErrorCode, ...ApiErrorCode[]])
        .describe('Stable; what programs decide by.'),
      message: z.string().describe('For people; may change.'),
      details: z.unknown().optional(),
    }),
  })
  .meta({ id: 'Error', description: 'What went wrong.' });

export const NoContent = z.null().describe('Done; there is no body.');
