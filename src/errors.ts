/**
 * Every error that leaves a module of Callwire. `code` is stable and never reused for another
 * meaning; `retryable` says whether the same call may succeed later; `remedy` tells the operator
 * what to do. Neither message nor remedy may hold secrets or personal data.
 */
export class CallwireError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly remedy: string | undefined;

  constructor(
    code: string,
    message: string,
    options: { retryable?: boolean; remedy?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CallwireError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.remedy = options.remedy;
  }
}

export function isCallwireError(error: unknown): error is CallwireError {
  return error instanceof CallwireError;
}
