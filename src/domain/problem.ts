/**
 * What went wrong, in a form a caller can act on. Stores and engines throw `AppError` with a code;
 * only `http/errors.ts` knows which status a code has.
 */

/** One thing to mend in a request: where it is (RFC 6901 pointer) and what is wrong there. */
export type Problem = { readonly pointer: string; readonly detail: string };

export type ProblemCode =
  | 'invalid'
  | 'unit_invalid'
  | 'not_ready'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'frozen'
  | 'slot_taken'
  | 'stale'
  | 'already_exists'
  | 'idempotency_mismatch'
  | 'too_large'
  | 'unsupported_media_type'
  | 'method_not_allowed'
  | 'rate_limited'
  | 'unavailable'
  | 'internal';

/** The caller's mistake, or a state that forbids what was asked. Never a bug. */
export class AppError extends Error {
  readonly code: ProblemCode;
  readonly problems: readonly Problem[];
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ProblemCode,
    message: string,
    options: { problems?: readonly Problem[]; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.problems = options.problems ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** ['variants', 0, 'a/b'] -> '/variants/0/a~1b' (RFC 6901). */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path
    .map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}
