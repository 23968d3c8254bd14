/**
 * Moves acknowledged events from the inbox to the warehouse, at its own pace, exactly once: a batch is fixed
 * in the inbox before it is sent, the warehouse records its id in the transaction that inserts it, and its
 * rows leave the inbox only then. A kill at any point repeats a step that does nothing the second time.
 */
import { AppError } from '../domain/problem.ts';
import type { Inbox } from '../inbox/inbox.ts';
import { newId } from '../runtime/ids.ts';
import type { Log } from '../runtime/log.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';

export type Drain = {
  /** Moves everything that was acknowledged before the call; throws when that cannot be done now. */
  drainNow(): Promise<void>;
  /** After the batch that is on its way; the rest stays in the inbox for the next start. */
  stop(): Promise<void>;
};

export function startDrain(options: {
  inbox: Inbox;
  warehouse: Warehouse;
  log: Log;
  intervalMs: number;
  batchSize: number;
}): Drain {
  const { inbox, warehouse, log, intervalMs, batchSize } = options;
  let stopped = false;
  let turn: Promise<unknown> = Promise.resolve();

  const moveOne = async (mark: number): Promise<boolean> => {
    const batch = inbox.nextBatch(newId, batchSize, mark);
    if (batch === undefined) return false;
    const receipt = await warehouse.insertBatch(batch);
    inbox.clear(batch.id, receipt.duplicates);
    log.debug('batch.drained', { batch: batch.id, rows: batch.rows.length, ...receipt });
    return true;
  };

  /** One batch after another, never two at a time. */
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const next = turn.then(work, work);
    turn = next.catch(() => undefined);
    return next;
  };

  /** False when a stop came first. */
  const moveAll = async (): Promise<boolean> => {
    // Events that go on arriving are for the next turn; they must not push back those that wait already.
    const mark = inbox.mark();
    while (!stopped) {
      if (!(await moveOne(mark))) return true;
    }
    return false;
  };

  let due = false;
  const timer = setInterval(() => {
    if (due) return; // The last one is still at it: a slow warehouse must not pile up turns.
    due = true;
    void inTurn(moveAll)
      .catch((error: unknown) => {
        log.warn('drain.failed', { problem: String(error), waiting: inbox.waiting() });
      })
      .finally(() => {
        due = false;
      });
  }, intervalMs);
  timer.unref();

  return {
    async drainNow() {
      if (await inTurn(moveAll)) return;
      throw new AppError('unavailable', 'The server is stopping.', { retryAfterSeconds: 5 });
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      await turn;
    },
  };
}
