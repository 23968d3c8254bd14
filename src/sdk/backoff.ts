/** How long to wait after a failure. */

export type Pace = {
  /** Before full jitter, after the first failure. */
  readonly baseMs: number;
  /** The most a wait grows to. */
  readonly maxMs: number;
  /** After 401 and 403: a key does not mend itself quickly. */
  readonly slowMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
};

export const PACE: Pace = { baseMs: 500, maxMs: 30_000, slowMs: 30_000, random: Math.random };

/** A server may ask for patience, not for ever. */
const RETRY_AFTER_MAX_MS = 3_600_000;

/**
 * Exponential with full jitter, so that clients that failed together do not return together.
 *
 *   uniform in [0, min(maxMs, baseMs * 2^(failures - 1)))
 *
 * @param failures in a row so far; at least 1.
 * @source Brooker (2015), Exponential Backoff and Jitter, AWS Architecture Blog.
 */
export function jittered(failures: number, pace: Pace): number {
  return pace.random() * Math.min(pace.maxMs, pace.baseMs * 2 ** Math.min(failures - 1, 60));
}

/** Between slowMs and twice that. */
export function slowly(pace: Pace): number {
  return pace.slowMs * (1 + pace.random());
}

/**
 * What a `Retry-After` header asks for, in milliseconds; at most an hour. Undefined when there is none that
 * can be read. A date is read against the answer's own `Date`, so that a wrong clock here does no harm.
 *
 * @source RFC 9110, 10.2.3.
 */
export function retryAfterMs(headers: Headers, wallMs: number): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(RETRY_AFTER_MAX_MS, Number(text) * 1000);
  // Date.parse alone would take "-5" for a year.
  const until = /^[A-Z][a-z]+,? /.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(until)) return undefined;
  const sent = Date.parse(headers.get('date') ?? '');
  const wait = until - (Number.isNaN(sent) ? wallMs : sent);
  return Math.min(RETRY_AFTER_MAX_MS, Math.max(0, wait));
}
