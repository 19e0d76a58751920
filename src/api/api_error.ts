/**
 * What a request is answered with when it fails. The words are part of the contract with clients:
 * none is removed or given another meaning.
 */
export const API_ERRORS = {
  invalid_request: { status: 400, when: 'The request is not what the description asks for.' },
  unauthorized: { status: 401, when: 'No key, an unknown one, or one that was revoked.' },
  insufficient_balance: {
    status: 402,
    when: 'The calls of the last 24 hours have cost as much as they may (SPEND_CAP_USD_PER_DAY).',
  },
  forbidden: { status: 403, when: 'The key does not have the scope that this needs.' },
  public_api_disabled: {
    status: 403,
    when: '`/api/v1/public` and all dialling are switched off (PUBLIC_API).',
  },
  not_found: { status: 404, when: 'There is nothing of that name.' },
  method_not_allowed: { status: 405, when: 'The path exists, the method does not; see `Allow`.' },
  call_not_ended: {
    status: 409,
    when: 'Only the content of a call that has ended is deleted: end it first.',
  },
  webhook_not_active: {
    status: 409,
    when: 'Nothing is sent to an endpoint that is paused or disabled: set it active first.',
  },
  idempotency_conflict: {
    status: 409,
    when: 'The idempotency key has made a call of another body.',
  },
  redacted: { status: 410, when: 'What was asked for has been deleted for good.' },
  payload_too_large: { status: 413, when: 'The body is too large.' },
  unsupported_media_type: { status: 415, when: 'Bodies are `application/json`.' },
  range_not_satisfiable: { status: 416, when: '`Range` begins behind the end.' },
  invalid_number: { status: 422, when: 'This is no number that is called; `details.reason`.' },
  suppressed: { status: 422, when: 'The number is on the suppression list.' },
  consent_required: {
    status: 422,
    when: 'Nobody is called who has not agreed: `knownConsent` or `consentRecordId`.',
  },
  cap_reached: {
    status: 422,
    when: 'The number or the key has had its calls of the last 24 hours; `details.rule`.',
  },
  outside_calling_hours: {
    status: 422,
    when: 'Not at this hour where the phone is: `details.nextAllowedAt`, or null.',
  },
  rate_limited: { status: 429, when: 'Too many requests with this key; see `Retry-After`.' },
  internal_error: { status: 500, when: 'Our fault; the log has more under the request’s id.' },
  unavailable: { status: 503, when: 'Not possible at the moment: try again.' },
} as const;

export type ApiErrorCode = keyof typeof API_ERRORS;

/** A request that ends with an error that the client is told of, in so many words. */
export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly details: unknown;
  readonly headers: Readonly<Record<string, string>>;

  /** @param message For people; no secrets and no personal data, it is logged. */
  constructor(
    code: ApiErrorCode,
    message: string,
    { details, headers = {} }: { details?: unknown; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.details = details;
    this.headers = headers;
  }

  get status(): number {
    return API_ERRORS[this.code].status;
  }
}

export function notFound(what: string): ApiError {
  return new ApiError('not_found', `There is no such ${what}.`);
}

/** A value of the body that only the handler could judge. */
export function invalidField(field: string, message: string): ApiError {
  return new ApiError('invalid_request', `${field}: ${message}`, {
    details: { issues: [{ field, message }] },
  });
}
