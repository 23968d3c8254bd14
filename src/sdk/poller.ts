/** Keeps the snapshot fresh: asks at its pace, backs off when refused, and never gives up the last good one. */
import type { CompiledSnapshot } from '../bucketing/compile.ts';
import { jittered, type Pace, retryAfterMs, slowly } from './backoff.ts';
import { readSnapshot } from './read-snapshot.ts';
import { describe, type Reply, request, type Transport } from './request.ts';
import { startTimer, type Timer } from './timer.ts';
import type { Warn, WarningCode } from './warnings.ts';

type Waiter = { readonly deadline: number; readonly finish: () => void };

export class Poller {
  readonly #transport: Transport;
  readonly #intervalMs: number;
  readonly #pace: Pace;
  readonly #now: () => number;
  readonly #warn: Warn;
  readonly #onTrouble: (problem: string) => void;
  readonly #closing = new AbortController();
  readonly #waiters = new Set<Waiter>();
  #snapshot: CompiledSnapshot | null = null;
  #confirmedAt: number | null = null;
  #etag: string | null = null;
  #failures = 0;
  #timer: Timer | undefined;

  constructor(options: {
    transport: Transport;
    intervalMs: number;
    pace: Pace;
    now: () => number;
    warn: Warn;
    onTrouble: (problem: string) => void;
  }) {
    this.#transport = options.transport;
    this.#intervalMs = options.intervalMs;
    this.#pace = options.pace;
    this.#now = options.now;
    this.#warn = options.warn;
    this.#onTrouble = options.onTrouble;
  }

  get snapshot(): CompiledSnapshot | null {
    return this.#snapshot;
  }

  /** When the server last said that this snapshot is the current one. */
  get confirmedAt(): number | null {
    return this.#confirmedAt;
  }

  start(): void {
    void this.#poll();
  }

  /** True when there is a snapshot, false when there is none in time; at once when no attempt is due in time. */
  ready(timeoutMs: number): Promise<boolean> {
    if (this.#snapshot !== null || this.#closing.signal.aborted) {
      return Promise.resolve(this.#snapshot !== null);
    }
    return new Promise((resolve) => {
      // Not unref'd: who waits for this wants the process to live.
      const timer = setTimeout(() => waiter.finish(), timeoutMs);
      const waiter: Waiter = {
        deadline: performance.now() + timeoutMs,
        finish: () => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(this.#snapshot !== null);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#closing.abort();
    for (const waiter of this.#waiters) waiter.finish();
  }

  /** One attempt and the plan for the next. Never rejects. */
  async #poll(): Promise<void> {
    const waitMs = await this.#attempt();
    if (this.#closing.signal.aborted) return;
    const next = performance.now() + waitMs;
    for (const waiter of this.#waiters) {
      if (this.#snapshot !== null || next > waiter.deadline) waiter.finish();
    }
    this.#timer = startTimer(waitMs, () => void this.#poll());
  }

  async #attempt(): Promise<number> {
    try {
      const reply = await request(this.#transport, {
        path: '/v1/snapshot',
        method: 'GET',
        headers: {
          accept: 'application/json',
          ...(this.#etag === null ? {} : { 'if-none-match': this.#etag }),
        },
        closing: this.#closing.signal,
      });
      return this.#take(reply);
    } catch (error) {
      if (this.#closing.signal.aborted) return 0;
      const problem = `the snapshot cannot be fetched: ${describe(error)}`;
      return this.#fail(problem, { code: 'snapshot_unavailable', cause: error });
    }
  }

  #take(reply: Reply): number {
    if (reply.status === 200) return this.#accept(reply);
    if (reply.status === 304 && this.#snapshot !== null) return this.#confirm();
    const problem = `the snapshot was refused with status ${reply.status}`;
    if (reply.status === 401 || reply.status === 403) {
      this.#fail(`${problem}: is the key right, and of scope server?`, {
        code: 'snapshot_unauthorized',
      });
      return slowly(this.#pace);
    }
    const asked = retryAfterMs(reply.headers, Date.now()) ?? 0;
    return asked + this.#fail(problem, { code: 'snapshot_unavailable' });
  }

  #accept(reply: Reply): number {
    try {
      const { compiled, leftOut } = readSnapshot(reply.text);
      this.#snapshot = compiled;
      this.#etag = reply.headers.get('etag');
      for (const { key, problem } of leftOut) {
        const message = `experiment ${key} is left out of the snapshot: ${problem}`;
        this.#warn({ code: 'experiment_unreadable', message }, key);
      }
      return this.#confirm();
    } catch (error) {
      const problem = `the snapshot cannot be read: ${describe(error)}`;
      return this.#fail(problem, { code: 'snapshot_unreadable', cause: error });
    }
  }

  #confirm(): number {
    this.#failures = 0;
    this.#confirmedAt = this.#now();
    this.#warn.over('snapshot_unavailable');
    this.#warn.over('snapshot_unauthorized');
    this.#warn.over('snapshot_unreadable');
    // A tenth of jitter, so that a fleet that was started together does not ask together for ever.
    return this.#intervalMs * (0.9 + 0.2 * this.#pace.random());
  }

  /** Notes a failure and says how long to wait. */
  #fail(problem: string, warning: { code: WarningCode; cause?: unknown }): number {
    this.#failures += 1;
    this.#onTrouble(problem);
    this.#warn({ ...warning, message: `${problem}; ${this.#standing()}` });
    return jittered(this.#failures, this.#pace);
  }

  #standing(): string {
    return this.#snapshot === null
      ? 'until there is one, assign answers with the defaults given to it'
      : `version ${this.#snapshot.version} stays in use`;
  }
}
