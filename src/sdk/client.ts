/**
 * The client. Nothing here throws at the service that uses it, once it is made: an assignment is always
 * answered, an event is taken or refused with a warning, and the network is somebody else's business.
 */
import { assign } from '../bucketing/assign.ts';
import type { Assignment } from '../domain/assignment.ts';
import type { Payload } from '../domain/experiment.ts';
import { PACE, type Pace } from './backoff.ts';
import { type AssignOptions, noteUnknownOptions, type TrackOptions } from './calls.ts';
import { isRecord } from './is-record.ts';
import { type AssayOptions, readOptions, type Settings } from './options.ts';
import { Outbox } from './outbox.ts';
import { Poller } from './poller.ts';
import { Recorder, reasonOf } from './recorder.ts';
import { createWarn, type Warn } from './warnings.ts';

/** As the server answers, but for the payload: the caller's default, else null, when there is no other. */
export type Answer = Omit<Assignment, 'payload'> & { readonly payload: Payload | null };

export type AssayStatus = {
  /** Whether there is a snapshot to assign from. */
  readonly ready: boolean;
  readonly snapshotVersion: number | null;
  /** Milliseconds since the server last confirmed the snapshot. */
  readonly snapshotAgeMs: number | null;
  /** Events waiting or on their way. */
  readonly queued: number;
  /** Events the server acknowledged. */
  readonly sent: number;
  /** Events given up: no room, refused as a batch, or closed before delivery. */
  readonly dropped: number;
  /** Events refused one by one: by the server, or here because they could not be events. */
  readonly refused: number;
  /** The latest trouble on the network; it stays when the trouble is over. */
  readonly lastError: string | null;
};

export type Assay = {
  /**
   * Is there a snapshot to assign from?
   *
   * Resolves as soon as there is one, and in any case within `timeoutMs`, also when the server is down: the
   * service starts then too, `assign` answers with its defaults and reason ERROR, and polling goes on. Never
   * rejects.
   *
   * @returns true when there is a snapshot.
   */
  ready(): Promise<boolean>;

  /**
   * Which variant serves this unit?
   *
   * Decided here, on the snapshot, by the same code as the server's; no network, no waiting. When the answer
   * carries a variant, an exposure is recorded with the time `ts`: once for each experiment, version, variant
   * and unit, again after a day or for an earlier `ts` (only a unit's first exposure counts, whenever it
   * arrives). Never throws.
   *
   * @param experiment the experiment's key.
   * @param options.units ids by unit type: text of at most 10 kB, or safe integers.
   * @returns a frozen answer. Only SPLIT carries a variant; TRAFFIC, LAYER, TARGETING, UNIT_MISSING and
   *          NOT_RUNNING serve control's payload. `defaultPayload` (else null), with `version` 0, is served with
   *          NOT_FOUND when the snapshot has no such experiment, and with ERROR when there is no snapshot yet or
   *          something failed here (`status()` and `onWarning` say which).
   * @source DESIGN part 7.
   */
  assign(experiment: string, options: AssignOptions): Answer;

  /**
   * Records what a unit did, such as a booking.
   *
   * The event is complete when this returns; later changes to the objects passed in do not reach it. Never
   * throws: what cannot be an event is refused with one warning for each cause, and counted.
   *
   * @param name what happened, 1 to 200 characters; metrics ask for it by this name.
   * @param options.value a finite number of at most 1e12 in size.
   * @returns the event's id, by which a later event can correct it; null when the event was refused.
   */
  track(name: string, options: TrackOptions): string | null;

  /**
   * Sends what is waiting, now.
   *
   * @param options.timeoutMs [30,000].
   * @returns true when the server has answered for everything recorded before the call. False when that did not
   *          happen in time, at once if no further attempt is due in time; the events stay queued. Never rejects.
   */
  flush(options?: { readonly timeoutMs?: number }): Promise<boolean>;

  /**
   * Flushes, then stops all timers and requests. Afterwards `assign` still answers but records nothing, and
   * `track` refuses.
   *
   * @param options.timeoutMs how long the flush may take [5,000]; what is left then is dropped and counted.
   * @returns true when everything was delivered. Never rejects.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<boolean>;

  status(): AssayStatus;
};

const FLUSH_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 5000;

/**
 * Connects a service to Assay: polls the snapshot from now on, and delivers events in the background. No
 * timer of it keeps a process alive.
 *
 * @throws TypeError or RangeError when an option is unknown, of a wrong type or out of range: a bug of the
 *         caller, found at start-up. Nothing else of the client ever throws.
 */
export function createAssay(options: AssayOptions): Assay {
  return openClient(readOptions(options), PACE);
}

/** The client with a pace that tests can quicken. */
export function openClient(settings: Settings, pace: Pace): Assay {
  const warn = createWarn(settings.onWarning);
  const now = clockOf(settings.now);
  let lastError: string | null = null;
  const onTrouble = (problem: string): void => {
    lastError = problem;
  };
  const { url, key, timeoutMs, fetch, flushIntervalMs, batchSize, queueSize } = settings;
  const shared = { transport: { url, key, timeoutMs, fetch }, pace, now, warn, onTrouble };
  const poller = new Poller({ ...shared, intervalMs: settings.pollIntervalMs });
  const outbox = new Outbox({ ...shared, flushIntervalMs, batchSize, queueSize });
  const recorder = new Recorder({ outbox, now, warn });

  poller.start();
  return {
    ready: () => poller.ready(timeoutMs),
    assign(experiment, options) {
      try {
        return answer(experiment, isRecord(options) ? options : { units: {} }, {
          poller,
          recorder,
          warn,
        });
      } catch (error) {
        const message = `assign failed: ${reasonOf(error)}`;
        warn({ code: 'assign_failed', message, cause: error }, message);
        return otherwise(experiment, 'ERROR', defaultOf(options));
      }
    },
    track: (name, options) => recorder.track(name, options),
    flush: (options) => outbox.flush(timeoutOf(options, FLUSH_TIMEOUT_MS)),
    close(options) {
      recorder.close();
      poller.close();
      return outbox.close(timeoutOf(options, CLOSE_TIMEOUT_MS));
    },
    status() {
      const { snapshot, confirmedAt } = poller;
      const counts = outbox.counts;
      return {
        ready: snapshot !== null,
        snapshotVersion: snapshot?.version ?? null,
        snapshotAgeMs: confirmedAt === null ? null : Math.max(0, now() - confirmedAt),
        ...counts,
        refused: counts.refused + recorder.refused,
        lastError,
      };
    },
  };
}

type Parts = { readonly poller: Poller; readonly recorder: Recorder; readonly warn: Warn };

function answer(
  experiment: string,
  options: AssignOptions,
  { poller, recorder, warn }: Parts,
): Answer {
  noteUnknownOptions('assign', options, warn);
  const { snapshot } = poller;
  if (snapshot === null) {
    const message = 'assign was asked before there was a snapshot: it answers with defaults';
    warn({ code: 'not_ready', message });
    return otherwise(experiment, 'ERROR', options.defaultPayload);
  }
  const compiled = snapshot.experiments.get(experiment);
  if (compiled === undefined) {
    const message = `there is no experiment ${experiment}: assign answers with the default`;
    warn({ code: 'experiment_unknown', message }, experiment);
    return otherwise(experiment, 'NOT_FOUND', options.defaultPayload);
  }
  const units = isRecord(options.units) ? options.units : {};
  const assignment = assign(compiled, units, options.attributes ?? {});
  if (assignment.variant !== null && options.expose !== false) {
    recorder.expose(compiled, assignment, options);
  }
  return assignment;
}

function otherwise(
  experiment: unknown,
  reason: 'NOT_FOUND' | 'ERROR',
  payload: Payload | undefined,
): Answer {
  return Object.freeze({
    experiment: typeof experiment === 'string' ? experiment : '',
    version: 0,
    variant: null,
    reason,
    payload: payload ?? null,
    model: null,
  });
}

/** Reading it may be what failed. */
function defaultOf(options: AssignOptions): Payload | undefined {
  try {
    return options.defaultPayload;
  } catch {
    return undefined;
  }
}

/** Whole milliseconds; a clock that fails does not take the service with it. */
function clockOf(now: () => number): () => number {
  return () => {
    try {
      const ms = Math.floor(now());
      return Number.isSafeInteger(ms) ? ms : Date.now();
    } catch {
      return Date.now();
    }
  };
}

/** The longest a timer of JavaScript can wait. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

function timeoutOf(
  options: { readonly timeoutMs?: number } | undefined,
  otherwiseMs: number,
): number {
  const timeoutMs = options?.timeoutMs;
  return typeof timeoutMs === 'number' && timeoutMs >= 0
    ? Math.min(timeoutMs, TIMEOUT_MAX_MS)
    : otherwiseMs;
}
