/** The inbox, the warehouse and the drain without a server: what a crash point is set in. */
import { join } from 'node:path';
import { type Drain, startDrain } from '../../../src/engine/drain.ts';
import { ingest } from '../../../src/engine/ingest.ts';
import { type Inbox, openInbox } from '../../../src/inbox/inbox.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { silentLog } from '../../../src/runtime/log.ts';
import { openDuckdb } from '../../../src/warehouse/duckdb.ts';
import type { LoadBatch } from './load.ts';

/** Small, so that a load of some thousand events takes several batches. */
const DRAIN_BATCH = 1000;

export type Parts = {
  readonly inbox: Inbox;
  readonly drain: Drain;
  deliver(batch: LoadBatch): Promise<void>;
  close(): Promise<void>;
};

/** Drains only when asked. */
export async function openParts(directory: string): Promise<Parts> {
  const warehouse = await openDuckdb(join(directory, 'warehouse.duckdb'), systemClock);
  const inbox = openInbox(join(directory, 'inbox.db'), {
    onFsyncFailure(error) {
      throw error;
    },
  });
  const drain = startDrain({
    inbox,
    warehouse,
    log: silentLog,
    intervalMs: 3_600_000,
    batchSize: DRAIN_BATCH,
  });
  return {
    inbox,
    drain,
    async deliver(batch) {
      const { events, source } = JSON.parse(batch.body) as { events: unknown[]; source: string };
      await ingest(inbox, systemClock, { events, source, keyId: 'test' });
    },
    async close() {
      await drain.stop();
      inbox.close();
      await warehouse.close();
    },
  };
}
