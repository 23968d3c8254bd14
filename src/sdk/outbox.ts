/**
 * Events on their way to the server: kept in memory within a bound, sent in batches, sent again until the
 * server has answered for them. The server counts an event once by its time and id, so sending twice is
 * harmless and losing is not; what is given up is counted and said.
 */
import { jittered, type Pace, retryAfterMs, slowly } from './backoff.ts';
import { Fifo } from './fifo.ts';
import { describe, type Reply, request, type Transport } from './request.ts';
import { startTimer, type Timer } from './timer.ts';
import { SDK_NAME, SDK_VERSION } from './version.ts';
import type { Warn } from './warnings.ts';

/** An event as it will be sent: text, so that what the caller changes afterwards does not matter. */
export type Parcel = {
  readonly json: string;
  readonly isExposure: boolean;
  /** Called when the event is given up, not when it was delivered or refused. */
  readonly onDropped?: () => void;
};

export type OutboxCounts = {
  /** Waiting or on their way. */
  readonly queued: number;
  /** Acknowledged by the server. */
  readonly sent: number;
  /** Given up here: no room, a request the server will never take, or closed before delivery. */
  readonly dropped: number;
  /** Refused by the server, one by one, with a reason. */
  readonly refused: number;
};

type Queued = Parcel & { readonly order: number; readonly bytes: number };
type Waiter = {
  readonly upTo: number;
  readonly deadline: number;
  finish(delivered: boolean): void;
};

/** What is to be done about a batch. */
type Fate =
  | { readonly kind: 'settled' }
  | { readonly kind: 'split' }
  | { readonly kind: 'drop'; readonly problem: string }
  | { readonly kind: 'retry'; readonly waitMs: number; readonly mandated: boolean };

/** Brief bursts of ordinary events travel in requests of half a megabyte; a hundred of the largest do not. */
const BYTES_PER_EVENT = 5120;
const BATCH_BYTES_MIN = 512_000;
/** The server takes 8 MiB. */
const BATCH_BYTES_MAX = 7_000_000;
const QUEUE_BYTES_MAX = 32 * 1024 * 1024;

export class Outbox {
  readonly #transport: Transport;
  readonly #flushIntervalMs: number;
  readonly #batchSize: number;
  readonly #batchBytes: number;
  readonly #queueSize: number;
  readonly #pace: Pace;
  readonly #now: () => number;
  readonly #warn: Warn;
  readonly #onTrouble: (problem: string) => void;
  readonly #closing = new AbortController();
  readonly #waiters = new Set<Waiter>();
  readonly #exposures = new Fifo<Queued>();
  readonly #others = new Fifo<Queued>();
  #onTheirWay: readonly Queued[] = [];
  #order = 0;
  #bytes = 0;
  #sent = 0;
  #dropped = 0;
  #refused = 0;
  #failures = 0;
  /** How many events the next batch may have: halved by 413, doubled by success. */
  #batchLimit: number;
  #isClosed = false;
  #isDraining = false;
  #next: { timer: Timer; at: number; mandated: boolean; afterFailure: boolean } | undefined;

  constructor(options: {
    transport: Transport;
    flushIntervalMs: number;
    batchSize: number;
    queueSize: number;
    pace: Pace;
    now: () => number;
    warn: Warn;
    onTrouble: (problem: string) => void;
  }) {
    this.#transport = options.transport;
    this.#flushIntervalMs = options.flushIntervalMs;
    this.#batchSize = options.batchSize;
    this.#batchLimit = options.batchSize;
    this.#batchBytes = Math.min(
      BATCH_BYTES_MAX,
      Math.max(BATCH_BYTES_MIN, options.batchSize * BYTES_PER_EVENT),
    );
    this.#queueSize = options.queueSize;
    this.#pace = options.pace;
    this.#now = options.now;
    this.#warn = options.warn;
    this.#onTrouble = options.onTrouble;
  }

  get counts(): OutboxCounts {
    return {
      queued: this.#queued,
      sent: this.#sent,
      dropped: this.#dropped,
      refused: this.#refused,
    };
  }

  /** Takes an event in. When there is no room, the oldest that is no exposure is given up, then the oldest. */
  add(parcel: Parcel): void {
    this.#order += 1;
    const queued: Queued = { ...parcel, order: this.#order, bytes: utf8Bytes(parcel.json) };
    (parcel.isExposure ? this.#exposures : this.#others).push(queued);
    this.#bytes += queued.bytes;
    this.#shed();
    if (this.#isDraining || this.#next?.afterFailure === true) return;
    this.#drainIn(this.#waiting >= this.#batchLimit ? 0 : this.#flushIntervalMs);
  }

  /**
   * Sends now what is waiting, unless the server asked for patience.
   *
   * @returns true when the server has answered for everything added before the call; false when that did not
   *          happen in time, at once if no further attempt is due in time.
   */
  flush(timeoutMs: number): Promise<boolean> {
    if (this.#queued === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      // Not unref'd: who waits for this wants the process to live.
      const timer = setTimeout(() => waiter.finish(false), timeoutMs);
      const waiter: Waiter = {
        upTo: this.#order,
        deadline: performance.now() + timeoutMs,
        finish: (delivered) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(delivered);
        },
      };
      this.#waiters.add(waiter);
      if (this.#isDraining) return;
      if (this.#next?.mandated === true) this.#tellWaiters();
      else void this.#drain();
    });
  }

  /** Flushes, then gives up what is left. */
  async close(timeoutMs: number): Promise<boolean> {
    const delivered = await this.flush(timeoutMs);
    if (this.#isClosed) return delivered;
    this.#isClosed = true;
    this.#next?.timer.cancel();
    this.#next = undefined;
    this.#closing.abort();
    const left = [...this.#onTheirWay, ...this.#takeAll()];
    this.#onTheirWay = [];
    this.#giveUp(left, 'the client was closed before they could be delivered');
    for (const waiter of this.#waiters) waiter.finish(false);
    return delivered;
  }

  get #waiting(): number {
    return this.#exposures.length + this.#others.length;
  }

  get #queued(): number {
    return this.#waiting + this.#onTheirWay.length;
  }

  #drainIn(delayMs: number, why = { mandated: false, afterFailure: false }): void {
    if (this.#isClosed) return;
    const at = performance.now() + delayMs;
    if (this.#next !== undefined && this.#next.at <= at) return;
    this.#next?.timer.cancel();
    this.#next = { timer: startTimer(delayMs, () => void this.#drain()), at, ...why };
  }

  /** Sends batches until what was there is settled, or one has to wait. Never rejects. */
  async #drain(): Promise<void> {
    if (this.#isDraining || this.#isClosed) return;
    this.#next?.timer.cancel();
    this.#next = undefined;
    this.#isDraining = true;
    const upTo = this.#order;
    while (this.#isWorthSending(upTo)) {
      const batch = this.#take();
      this.#onTheirWay = batch;
      const fate = await this.#send(batch);
      // After a close the batch was given up already.
      if (this.#isClosed) break;
      this.#onTheirWay = [];
      if (fate.kind === 'retry') {
        this.#putBack(batch);
        this.#drainIn(fate.waitMs, { mandated: fate.mandated, afterFailure: true });
        break;
      }
      this.#failures = 0;
      if (fate.kind === 'split') this.#split(batch);
      if (fate.kind === 'drop') this.#giveUp(batch, fate.problem);
      this.#tellWaiters();
    }
    this.#isDraining = false;
    this.#tellWaiters();
    if (this.#waiting > 0 && this.#next === undefined) this.#drainIn(this.#flushIntervalMs);
  }

  /** What came while others were sent waits for company, unless there is a batch of it or somebody waits. */
  #isWorthSending(upTo: number): boolean {
    const oldest = this.#oldest();
    if (oldest === undefined || this.#isClosed) return false;
    return oldest <= upTo || this.#waiting >= this.#batchLimit || this.#waiters.size > 0;
  }

  #oldest(): number | undefined {
    const orders = [
      this.#onTheirWay[0]?.order,
      this.#exposures.peek()?.order,
      this.#others.peek()?.order,
    ].filter((order) => order !== undefined);
    return orders.length === 0 ? undefined : Math.min(...orders);
  }

  async #send(batch: readonly Queued[]): Promise<Fate> {
    try {
      const reply = await request(this.#transport, {
        path: '/v1/events',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: bodyOf(batch, this.#now()),
        closing: this.#closing.signal,
      });
      return this.#judge(reply, batch.length);
    } catch (error) {
      return this.#retry(`events cannot be delivered: ${describe(error)}`, { cause: error });
    }
  }

  #judge(reply: Reply, events: number): Fate {
    const { status } = reply;
    if (status === 202 || status === 207) {
      this.#settle(status === 207 ? this.#refusals(reply.text) : 0, events);
      return { kind: 'settled' };
    }
    if (status === 413 && events > 1) return { kind: 'split' };
    const problem = `events were refused with status ${status}`;
    if (status === 401 || status === 403) {
      this.#fail(problem);
      const message = `${problem}: is the key right? They are kept and offered again`;
      this.#warn({ code: 'events_unauthorized', message });
      return { kind: 'retry', waitMs: slowly(this.#pace), mandated: true };
    }
    // Below 400 somebody else answered: a proxy, a sign-in page. The events are not where they should be.
    if (status === 408 || status === 429 || status >= 500 || status < 400) {
      return this.#retry(problem, { askedMs: retryAfterMs(reply.headers, Date.now()) });
    }
    this.#fail(problem);
    return { kind: 'drop', problem: `the server answered ${status}: ${reply.text.slice(0, 200)}` };
  }

  #settle(refused: number, events: number): void {
    this.#refused += refused;
    this.#sent += Math.max(0, events - refused);
    this.#batchLimit = Math.min(this.#batchSize, this.#batchLimit * 2);
    this.#warn.over('events_unavailable');
    this.#warn.over('events_unauthorized');
  }

  /** How many events of a batch were refused one by one. They are never sent again: they would be refused again. */
  #refusals(text: string): number {
    const rejected = rejectedIn(text);
    if (rejected === undefined) {
      const message =
        'the server refused some events, but its answer cannot be read: they count as sent';
      this.#warn({ code: 'receipt_unreadable', message });
      return 0;
    }
    for (const { code, id, detail } of rejected) {
      const message = `the server refused event ${id}: ${detail} (${code})`;
      this.#warn({ code: 'events_refused', message }, String(code));
    }
    return rejected.length;
  }

  #retry(problem: string, more: { cause?: unknown; askedMs?: number | undefined }): Fate {
    this.#fail(problem);
    const message = `${problem}; they are kept and sent again`;
    const { cause, askedMs } = more;
    this.#warn({ code: 'events_unavailable', message, ...(cause === undefined ? {} : { cause }) });
    return {
      kind: 'retry',
      waitMs: (askedMs ?? 0) + jittered(this.#failures, this.#pace),
      mandated: askedMs !== undefined && askedMs > 0,
    };
  }

  #fail(problem: string): void {
    this.#failures += 1;
    if (!this.#isClosed) this.#onTrouble(problem);
  }

  /** The oldest events that fit a batch, exposures and others in the order they came. */
  #take(): readonly Queued[] {
    const batch: Queued[] = [];
    let bytes = 0;
    while (batch.length < this.#batchLimit) {
      const queue = this.#firstQueue();
      const next = queue.peek();
      if (next === undefined || (batch.length > 0 && bytes + next.bytes > this.#batchBytes)) break;
      queue.shift();
      bytes += next.bytes;
      batch.push(next);
    }
    this.#bytes -= bytes;
    return batch;
  }

  #firstQueue(): Fifo<Queued> {
    const exposure = this.#exposures.peek()?.order ?? Number.POSITIVE_INFINITY;
    const other = this.#others.peek()?.order ?? Number.POSITIVE_INFINITY;
    return exposure < other ? this.#exposures : this.#others;
  }

  #takeAll(): readonly Queued[] {
    const all: Queued[] = [];
    for (const queue of [this.#exposures, this.#others]) {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) all.push(item);
    }
    this.#bytes = 0;
    return all;
  }

  #putBack(batch: readonly Queued[]): void {
    this.#exposures.unshift(batch.filter((item) => item.isExposure));
    this.#others.unshift(batch.filter((item) => !item.isExposure));
    this.#bytes += batch.reduce((sum, item) => sum + item.bytes, 0);
    this.#shed();
  }

  #split(batch: readonly Queued[]): void {
    this.#putBack(batch);
    this.#batchLimit = Math.max(1, Math.ceil(batch.length / 2));
  }

  #shed(): void {
    const shed: Queued[] = [];
    while (this.#queued > this.#queueSize || this.#bytes > QUEUE_BYTES_MAX) {
      const oldest = this.#others.shift() ?? this.#exposures.shift();
      if (oldest === undefined) break;
      this.#bytes -= oldest.bytes;
      shed.push(oldest);
    }
    if (shed.length === 0) return;
    this.#count(shed);
    const message = `no room for more than ${this.#queueSize} undelivered events: the oldest are dropped`;
    this.#warn({ code: 'queue_full', message });
  }

  #giveUp(items: readonly Queued[], problem: string): void {
    if (items.length === 0) return;
    this.#count(items);
    const message = `${items.length} events are dropped: ${problem}`;
    this.#warn({ code: 'events_dropped', message }, problem);
  }

  #count(dropped: readonly Queued[]): void {
    this.#dropped += dropped.length;
    for (const item of dropped) item.onDropped?.();
  }

  #tellWaiters(): void {
    const oldest = this.#oldest() ?? Number.POSITIVE_INFINITY;
    for (const waiter of this.#waiters) {
      if (oldest > waiter.upTo) waiter.finish(true);
      else if (!this.#isDraining && this.#next !== undefined && this.#next.at > waiter.deadline) {
        waiter.finish(false);
      }
    }
  }
}

function bodyOf(batch: readonly Queued[], sentAt: number): string {
  const sdk = JSON.stringify({ name: SDK_NAME, version: SDK_VERSION });
  return `{"events":[${batch.map((item) => item.json).join(',')}],"sentAt":${sentAt},"sdk":${sdk}}`;
}

type Rejected = { readonly code: unknown; readonly id: unknown; readonly detail: unknown };

function rejectedIn(text: string): readonly Rejected[] | undefined {
  try {
    const { rejected } = JSON.parse(text) as { rejected?: unknown };
    if (!Array.isArray(rejected)) return undefined;
    return rejected.every((entry) => typeof entry === 'object' && entry !== null)
      ? rejected
      : undefined;
  } catch {
    return undefined;
  }
}

function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    // Each half of a surrogate pair stands for two of the four bytes.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
