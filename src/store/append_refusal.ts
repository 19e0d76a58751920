import { ZodError } from 'zod';
import { isConstraintError } from './sqlite_errors.ts';
import type { AppendResult } from './store.ts';

export function refused(
  code: string,
  message: string,
): Extract<AppendResult, { status: 'refused' }> {
  return { status: 'refused', code, message };
}

/** The entry's own fault is an answer; the database's is an error, and ends the batch. */
export function refusalOf(error: unknown): AppendResult {
  if (isConstraintError(error)) return refused('APPEND_INVALID', error.message);
  if (error instanceof ZodError) {
    const paths = error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`);
    return refused('APPEND_INVALID', `Invalid append (${paths.join(', ')}).`);
  }
  throw error;
}
