/**
 * Where an event becomes durable. All batches that wait in one turn of the event loop share one
 * transaction; each is answered after its COMMIT, which is an fsync (synchronous FULL).
 */
import type { AssayEvent, Rejection } from '../domain/event.ts';
import { AppError } from '../domain/problem.ts';
import { MS_PER_HOUR } from '../domain/time.ts';
import { type InboxFile, openInboxFile, storageFault } from './open.ts';

/** One request's worth of judged events. */
export type Delivery = {
  readonly receivedAt: number;
  readonly source: string;
  readonly keyId: string;
  readonly events: readonly AssayEvent[];
  readonly refused: readonly RefusedEvent[];
};

export type RefusedEvent = Rejection & {
  readonly index: number;
  readonly id: string | null;
  readonly body: string;
};

export type Accepted = { readonly accepted: number; readonly duplicates: number };

/** A row as the warehouse takes it: `body` is the event without its ts and id. */
export type InboxRow = {
  readonly ts: number;
  readonly id: string;
  readonly source: string;
  readonly receivedAt: number;
  readonly body: string;
};

export type Batch = { readonly id: string; readonly rows: readonly InboxRow[] };

/** How often an event that was accepted here proved to be in the warehouse already. */
export type LateDuplicates = readonly {
  readonly hour: number;
  readonly source: string;
  readonly count: number;
}[];

export type IntakeTotals = {
  readonly received: number;
  readonly accepted: number;
  readonly duplicate: number;
  readonly refused: number;
};

export type Inbox = {
  accept(delivery: Delivery): Promise<Accepted>;
  /** Everything acknowledged so far has arrived at or before this mark. */
  mark(): number;
  /** The batch to send now: the one that was on its way, or the next of what arrived up to a mark [now]. */
  nextBatch(newBatchId: () => string, size: number, mark?: number): Batch | undefined;
  /** The warehouse has the batch: its rows may go. */
  clear(batchId: string, duplicates: LateDuplicates): void;
  waiting(): number;
  totals(): IntakeTotals;
  assertDurable(): void;
  close(): void;
};

type Waiting = Delivery & {
  resolve(answer: Accepted): void;
  reject(error: unknown): void;
};

const WAITING_EVENTS_MAX = 200_000;
const REFUSED_KEPT = 100_000;
const REFUSED_BODY_MAX = 16_384;

export function openInbox(path: string, options: { onFsyncFailure(error: unknown): void }): Inbox {
  const file = openInboxFile(path);
  const { statements } = file;
  const queue: Waiting[] = [];
  let waitingEvents = 0;
  let arrival = Number(statements.get('lastArrival')?.arrival ?? 0);
  const sent = statements.get('sending');
  if (sent !== undefined) arrival = Math.max(arrival, Number(sent.last_arrival));

  const commit = (): void => {
    const deliveries = queue.splice(0);
    waitingEvents = 0;
    if (deliveries.length === 0) return;
    let answers: Accepted[];
    try {
      answers = file.transaction(() =>
        deliveries.map((delivery) => {
          arrival += 1;
          return write(file, delivery, arrival);
        }),
      );
    } catch (error) {
      const refusal = refusalOf(error, options.onFsyncFailure);
      for (const delivery of deliveries) delivery.reject(refusal);
      return;
    }
    deliveries.forEach((delivery, index) => {
      delivery.resolve(answers[index] ?? { accepted: 0, duplicates: 0 });
    });
  };

  return {
    accept(delivery) {
      const size = delivery.events.length + delivery.refused.length;
      if (waitingEvents > 0 && waitingEvents + size > WAITING_EVENTS_MAX) {
        return Promise.reject(
          new AppError('unavailable', 'The event queue is full.', { retryAfterSeconds: 1 }),
        );
      }
      return new Promise((resolve, reject) => {
        if (queue.length === 0) setImmediate(commit);
        waitingEvents += size;
        queue.push({ ...delivery, resolve, reject });
      });
    },
    mark: () => arrival,
    nextBatch: (newBatchId, size, mark = arrival) => nextBatch(file, newBatchId, size, mark),
    clear(batchId, duplicates) {
      file.transaction(() => {
        const sending = statements.get('sending');
        if (sending?.batch !== batchId) throw new RangeError(`batch ${batchId} is not on its way`);
        statements.run('clearBatch', {
          last_ts: Number(sending.last_ts),
          last_id: String(sending.last_id),
          last_arrival: Number(sending.last_arrival),
        });
        statements.run('clearSending');
        for (const duplicate of duplicates) statements.run('moveToDuplicate', duplicate);
      });
    },
    waiting: () => Number(statements.get('waiting')?.waiting ?? 0),
    totals: () => statements.get('intakeTotals') as IntakeTotals,
    assertDurable: () => file.assertDurable(),
    close() {
      commit();
      file.close();
    },
  };
}

function write(file: InboxFile, delivery: Delivery, arrival: number): Accepted {
  const { statements } = file;
  let accepted = 0;
  for (const { ts, id, ...body } of delivery.events) {
    accepted += statements.run('insertEvent', {
      ts,
      id,
      arrival,
      source: delivery.source,
      received_at: delivery.receivedAt,
      body: JSON.stringify(body),
    }).changes;
  }
  for (const refused of delivery.refused) {
    statements.run('insertRefused', {
      received_at: delivery.receivedAt,
      source: delivery.source,
      key_id: delivery.keyId,
      position: refused.index,
      event_id: refused.id,
      code: refused.code,
      detail: refused.detail,
      body: refused.body.slice(0, REFUSED_BODY_MAX),
    });
  }
  if (delivery.refused.length > 0) statements.run('forgetOldestRefused', { keep: REFUSED_KEPT });
  const duplicates = delivery.events.length - accepted;
  statements.run('countIntake', {
    hour: Math.floor(delivery.receivedAt / MS_PER_HOUR),
    source: delivery.source,
    received: delivery.events.length + delivery.refused.length,
    accepted,
    duplicate: duplicates,
    refused: delivery.refused.length,
  });
  return { accepted, duplicates };
}

/**
 * Fixes the next batch before it is sent: the rows up to (last_ts, last_id) that had arrived by a mark. After
 * a kill the same rows are read again, whatever arrived since.
 */
function nextBatch(
  file: InboxFile,
  newBatchId: () => string,
  size: number,
  mark: number,
): Batch | undefined {
  const { statements } = file;
  const sending = statements.get('sending') ?? start();
  if (sending === undefined) return undefined;
  const rows = statements.all('batchEvents', {
    last_ts: Number(sending.last_ts),
    last_id: String(sending.last_id),
    last_arrival: Number(sending.last_arrival),
  });
  return {
    id: String(sending.batch),
    rows: rows.map((row) => ({
      ts: Number(row.ts),
      id: String(row.id),
      source: String(row.source),
      receivedAt: Number(row.received_at),
      body: String(row.body),
    })),
  };

  function start() {
    const last =
      statements.get('batchEnd', { last_arrival: mark, offset: size - 1 }) ??
      statements.get('lastEvent', { last_arrival: mark });
    if (last === undefined) return undefined;
    const row = {
      batch: newBatchId(),
      last_ts: Number(last.ts),
      last_id: String(last.id),
      last_arrival: mark,
    };
    statements.run('saveSending', row);
    return row;
  }
}

function refusalOf(error: unknown, onFsyncFailure: (error: unknown) => void): unknown {
  const fault = storageFault(error);
  // After a failed fsync the kernel may have dropped the pages: only a fresh start knows what is on disk.
  if (fault === 'fsync') onFsyncFailure(error);
  if (fault === undefined) return error;
  return new AppError('unavailable', 'The event store has no room.', {
    retryAfterSeconds: 5,
    cause: error,
  });
}
