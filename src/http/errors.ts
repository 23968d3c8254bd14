/** The one place where a problem becomes a status and a body. */
import type { ErrorRequestHandler, Request, Response } from 'express';
import { AppError, type Problem, type ProblemCode } from '../domain/problem.ts';
import type { Log } from '../runtime/log.ts';

const STATUS: Readonly<Record<ProblemCode, number>> = {
  invalid: 400,
  unit_invalid: 400,
  not_ready: 422,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  frozen: 409,
  slot_taken: 409,
  stale: 412,
  already_exists: 412,
  too_large: 413,
  unsupported_media_type: 415,
  idempotency_mismatch: 422,
  rate_limited: 429,
  unavailable: 503,
  internal: 500,
};

const TITLE: Readonly<Record<ProblemCode, string>> = {
  invalid: 'The request is not valid',
  unit_invalid: 'The unit id cannot be used',
  not_ready: 'Something is still missing',
  unauthorized: 'A valid key is needed',
  forbidden: 'This key may not do that',
  not_found: 'Not found',
  method_not_allowed: 'This address has no such method',
  conflict: 'The present state does not allow this',
  frozen: 'The plan is frozen',
  slot_taken: 'The slot is taken',
  stale: 'It was changed in the meantime',
  already_exists: 'It exists already',
  too_large: 'The request is too large',
  unsupported_media_type: 'This media type is not understood',
  idempotency_mismatch: 'This Idempotency-Key was used for another request',
  rate_limited: 'Too many requests',
  unavailable: 'Not available just now',
  internal: 'Something went wrong on our side',
};

/** RFC 9457, with our code and every problem at once. */
export type ProblemBody = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  readonly errors: readonly Problem[];
  readonly requestId: string;
};

export function problemOf(error: AppError, requestId: string): ProblemBody {
  return {
    type: `urn:assay:problem:${error.code}`,
    title: TITLE[error.code],
    status: STATUS[error.code],
    detail: error.message,
    code: error.code,
    errors: error.problems,
    requestId,
  };
}

/** The caller's mistakes as they are; anything else is a bug: logged in full, shown as nothing. */
export function appErrorOf(error: unknown, log: Log, requestId: string): AppError {
  if (error instanceof AppError) return error;
  const known = bodyError(error);
  if (known !== undefined) return known;
  log.error('request.crashed', {
    requestId,
    problem: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return new AppError('internal', `The problem was logged under the request id ${requestId}.`);
}

export function sendProblem(response: Response, error: AppError, requestId: string): void {
  if (error.retryAfterSeconds !== undefined) {
    response.set('Retry-After', String(error.retryAfterSeconds));
  }
  const body = problemOf(error, requestId);
  if (body.status === 401) response.set('WWW-Authenticate', 'Bearer');
  response.status(body.status).type('application/problem+json').send(JSON.stringify(body));
}

export type RenderProblem = (request: Request, response: Response, problem: ProblemBody) => void;

/** Last in the chain: problem+json for programs, a page for people. */
export function errorHandler(log: Log, renderProblem: RenderProblem): ErrorRequestHandler {
  return (error, request, response, next) => {
    const requestId = String(response.locals.requestId ?? '');
    const problem = appErrorOf(error, log, requestId);
    if (response.headersSent) {
      next(error);
      return;
    }
    if (isApi(request.path) || request.accepts(['json', 'html']) !== 'html') {
      sendProblem(response, problem, requestId);
      return;
    }
    renderProblem(request, response, problemOf(problem, requestId));
  };
}

export function isApi(path: string): boolean {
  return /^\/v1(?:\/|$)/i.test(path) || path === '/openapi.json';
}

/** What the readers say: too large, an encoding they lack, text that is no JSON, a client that left. */
function bodyError(error: unknown): AppError | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const message = error instanceof Error ? error.message : 'unreadable';
  switch ('type' in error ? error.type : undefined) {
    case 'entity.too.large':
      return new AppError('too_large', 'The body is larger than this address takes.');
    case 'encoding.unsupported':
    case 'charset.unsupported':
      return new AppError('unsupported_media_type', message);
    case 'entity.parse.failed':
      return new AppError('invalid', 'The body is not valid JSON.', {
        problems: [{ pointer: '', detail: `is not valid JSON: ${message}` }],
      });
    default:
      return 'status' in error && isCallersStatus(error.status)
        ? new AppError('invalid', message)
        : undefined;
  }
}

/** Express and its readers mark what the caller did wrong by a status: a broken gzip stream, a bad %-escape. */
function isCallersStatus(status: unknown): boolean {
  return typeof status === 'number' && status >= 400 && status < 500;
}
