import { z } from 'zod';
import { hasControlCharacters, hasControlCharactersInLines } from '../config/control_characters.ts';
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

/** A line that says something, without blanks around it. */
export function text(max: number) {
  return z.string().trim().min(1).max(max).refine(isLine, CONTROL_CHARACTERS);
}

const CONTROL_CHARACTERS = { error: 'must not hold control characters' };

/** A line, empty or not. */
export function line(max: number) {
  return z.string().max(max).refine(isLine, CONTROL_CHARACTERS);
}

/** What may have several lines. */
export function lines(max: number) {
  return z
    .string()
    .max(max)
    .refine((value) => !hasControlCharactersInLines(value), CONTROL_CHARACTERS);
}

function isLine(value: string): boolean {
  return !hasControlCharacters(value);
}

/** Which of them there are depends on the code. */
const Details = z
  .looseObject({
    issues: z
      .array(z.object({ field: z.string(), message: z.string() }))
      .optional()
      .describe('Of `invalid_request`: what is wrong with which field.'),
    reason: z.string().optional().describe('Of `invalid_number`.'),
    nextAllowedAt: Time.nullish().describe(
      'Of `outside_calling_hours`: when this number may be called; `null` where it never may.',
    ),
    status: z.string().optional().describe('Of `webhook_not_active`: `paused` or `disabled`.'),
    rule: z.string().optional().describe('Of `cap_reached`: whose calls are counted.'),
    limit: z.number().optional().describe('Of `cap_reached`: how many there may be in 24 hours.'),
    scope: z.string().optional().describe('Of `forbidden`: the scope that is needed.'),
  })
  .describe('What programs may want to know of it, by code.');

export const ErrorAnswer = z
  .object({
    error: z.object({
      code: z
        .enum(Object.keys(API_ERRORS) as [ApiErrorCode, ...ApiErrorCode[]])
        .describe('Stable; what programs decide by.'),
      message: z.string().describe('For people; may change.'),
      details: Details.optional(),
    }),
  })
  .meta({ id: 'Error', description: 'What went wrong.' });

export const NoContent = z.null().describe('Done; there is no body.');
