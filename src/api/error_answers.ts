import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { isCallwireError } from '../errors.ts';
import type { ApiApp } from './api_app.ts';
import { API_ERRORS, ApiError, type ApiErrorCode, invalidField } from './api_error.ts';

/** Every error, whoever raised it, leaves as `{"error": {code, message, details?}}`. */
export function installErrorAnswers(app: ApiApp): void {
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) => answerError(notFoundPath(), request, reply));
}

/** Also for what Fastify refuses before there is a route: a URL that cannot be decoded. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const answer = toApiError(error, request.body);
  if (answer.status >= 500) {
    request.log.error(
      { err: error, route: request.routeOptions.url, reqId: request.id },
      'a request failed',
    );
  }
  void reply
    .code(answer.status)
    .headers(answer.headers)
    .type('application/json; charset=utf-8')
    .send(errorBody(answer));
}

/** For bytes that are not even HTTP, where there is no request yet. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, message] = CLIENT_ERRORS[error.code ?? ''] ?? [400, 'This is not valid HTTP.'];
  const body = JSON.stringify(errorBody(new ApiError('invalid_request', message)));
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
  socket.destroy(error);
}

const CLIENT_ERRORS: Record<string, [status: number, message: string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: [431, 'The headers are too large.'],
};

function errorBody({ code, message, details }: ApiError) {
  return { error: { code, message, ...(details !== undefined && { details }) } };
}

function notFoundPath(): ApiError {
  return new ApiError('not_found', 'There is no such path; /docs lists those there are.');
}

function toApiError(error: unknown, body: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const { validationContext } = error;
    const isMissing = validationContext === 'body' && (body ?? null) === null;
    return isMissing
      ? invalidField('body', 'is empty, and must be a JSON object')
      : invalidRequest(error);
  }
  if (isCallwireError(error)) {
    return error.retryable || error.code === 'STORE_CLOSED'
      ? new ApiError('unavailable', 'This is not possible at the moment.')
      : internal();
  }
  const status = statusOf(error);
  if (status === 503) return new ApiError('unavailable', 'This took too long.');
  const code = CODE_OF_STATUS[status];
  if (code) return new ApiError(code, API_ERRORS[code].when);
  // Of Fastify's own refusals the message says what is wrong, and quotes nothing of the body.
  if (status >= 400 && status < 500) {
    return new ApiError('invalid_request', (error as Error).message);
  }
  return internal();
}

const CODE_OF_STATUS: Record<number, ApiErrorCode> = {
  404: 'not_found',
  // An id longer than any there is.
  414: 'not_found',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
};

function statusOf(error: unknown): number {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : 500;
}

function internal(): ApiError {
  return new ApiError('internal_error', 'Something went wrong here. It has been logged.');
}

interface InvalidRequest {
  validation: readonly { instancePath: string; message?: string }[];
  validationContext?: string | undefined;
}

function invalidRequest({ validation, validationContext = 'body' }: InvalidRequest): ApiError {
  const issues = validation.map(({ instancePath, message = 'is wrong' }) => ({
    field: instancePath.split('/').slice(1).join('.') || validationContext,
    message,
  }));
  const text = issues.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return new ApiError('invalid_request', text, { details: { issues } });
}
