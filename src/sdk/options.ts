/** What `createAssay` takes. A wrong option is the caller's bug and throws there, at construction only. */
import type { AssayWarning } from './warnings.ts';

export type AssayOptions = {
  /** Where Assay is served, such as https://assay.example.com. */
  readonly url: string;
  /** A key of scope server (or admin): it must be able to read the snapshot. */
  readonly key: string;
  /** Pause between two looks for a new snapshot [30,000 ms]. */
  readonly pollIntervalMs?: number;
  /** How long an event waits for others to travel with [1,000 ms]. */
  readonly flushIntervalMs?: number;
  /** How long one request, or `ready()`, may take [5,000 ms]. */
  readonly timeoutMs?: number;
  /** Most events in one request, 1 to 10,000 [100]. */
  readonly batchSize?: number;
  /** Most events kept while they cannot be delivered [10,000, or four batches when that is more]. */
  readonly queueSize?: number;
  /** Instead of the global fetch. */
  readonly fetch?: typeof globalThis.fetch;
  /** Milliseconds since 1970; dates events without a `ts` [Date.now]. */
  readonly now?: () => number;
  /** Hears of each trouble once for each cause [console.warn]. */
  readonly onWarning?: (warning: AssayWarning) => void;
};

export type Settings = {
  readonly url: string;
  readonly key: string;
  readonly pollIntervalMs: number;
  readonly flushIntervalMs: number;
  readonly timeoutMs: number;
  readonly batchSize: number;
  readonly queueSize: number;
  readonly fetch: typeof globalThis.fetch;
  readonly now: () => number;
  readonly onWarning: ((warning: AssayWarning) => void) | undefined;
};

const KNOWN: Readonly<Record<keyof AssayOptions, true>> = {
  url: true,
  key: true,
  pollIntervalMs: true,
  flushIntervalMs: true,
  timeoutMs: true,
  batchSize: true,
  queueSize: true,
  fetch: true,
  now: true,
  onWarning: true,
};

/** The longest a timer of JavaScript can wait; longer ones fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;
const BATCH_SIZE_MAX = 10_000;
const QUEUE_SIZE_MAX = 1_000_000;
const QUEUE_SIZE = 10_000;

/**
 * Options with their defaults.
 *
 * @throws TypeError when an option is unknown or of a wrong type; RangeError when it is out of range.
 */
export function readOptions(options: AssayOptions): Settings {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('options: an object is needed');
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(KNOWN, name));
  if (unknown.length > 0) {
    throw new TypeError(
      `unknown option ${unknown.join(', ')}; known: ${Object.keys(KNOWN).join(', ')}`,
    );
  }
  const batchSize = wholeNumber('batchSize', options.batchSize ?? 100, 1, BATCH_SIZE_MAX);
  const queueSize = options.queueSize ?? Math.max(QUEUE_SIZE, 4 * batchSize);
  return {
    url: baseUrl(options.url),
    key: secret(options.key),
    pollIntervalMs: wholeNumber(
      'pollIntervalMs',
      options.pollIntervalMs ?? 30_000,
      1,
      TIMER_MAX_MS,
    ),
    flushIntervalMs: wholeNumber(
      'flushIntervalMs',
      options.flushIntervalMs ?? 1000,
      0,
      TIMER_MAX_MS,
    ),
    timeoutMs: wholeNumber('timeoutMs', options.timeoutMs ?? 5000, 1, TIMER_MAX_MS),
    batchSize,
    queueSize: wholeNumber('queueSize', queueSize, 1, QUEUE_SIZE_MAX),
    fetch: callable('fetch', options.fetch) ?? globalThis.fetch.bind(globalThis),
    now: callable('now', options.now) ?? Date.now,
    onWarning: callable('onWarning', options.onWarning),
  };
}

function wholeNumber(name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number') throw new TypeError(`${name}: must be a number`);
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} = ${value}: must be a whole number from ${low} to ${high}`);
  }
  return value;
}

function callable<Callable>(name: string, value: Callable | undefined): Callable | undefined {
  if (value !== undefined && typeof value !== 'function') {
    throw new TypeError(`${name}: must be a function`);
  }
  return value;
}

function baseUrl(url: unknown): string {
  if (typeof url !== 'string') throw new TypeError('url: must be text');
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new RangeError(`url = ${url}: must be an address such as https://assay.example.com`);
  }
  if (parsed.search !== '' || parsed.hash !== '' || parsed.username !== '') {
    throw new RangeError('url: must have no query, fragment or user');
  }
  return `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, '');
}

function secret(key: unknown): string {
  if (typeof key !== 'string') throw new TypeError('key: must be text');
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new RangeError('key: must be printable ASCII without spaces, and not empty');
  }
  return key;
}
