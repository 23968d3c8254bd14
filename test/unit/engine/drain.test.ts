import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AssayEvent } from '../../../src/domain/event.ts';
import { type Drain, startDrain } from '../../../src/engine/drain.ts';
import { type Inbox, openInbox } from '../../../src/inbox/inbox.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { silentLog } from '../../../src/runtime/log.ts';
import { openDuckdb } from '../../../src/warehouse/duckdb.ts';
import type { BatchReceipt, Warehouse, WarehouseRow } from '../../../src/warehouse/warehouse.ts';
import { HOUR, outcomeEvent, START } from '../../support/factories.ts';

type Insert = Warehouse['insertBatch'];
type Batch = Parameters<Insert>[0];

let directory: string;
let inbox: Inbox;
let drains: Drain[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'assay-drain-'));
  inbox = openFile();
  drains = [];
});
afterEach(async () => {
  await Promise.all(drains.map((drain) => drain.stop()));
  inbox.close();
  rmSync(directory, { recursive: true, force: true });
});

function openFile(): Inbox {
  return openInbox(join(directory, 'inbox.db'), {
    onFsyncFailure: (error) => {
      throw error;
    },
  });
}

/** A warehouse for faults: it takes batches in as told, and answers nothing else. */
function fake(insertBatch: Insert): Warehouse {
  return { insertBatch } as Warehouse;
}

/** A warehouse that keeps what it gets, exactly once, like the real one. */
function keeping(): { insert: Insert; rows: WarehouseRow[]; batches: string[] } {
  const rows: WarehouseRow[] = [];
  const batches: string[] = [];
  const receipts = new Map<string, BatchReceipt>();
  const insert: Insert = async ({ id, rows: sent }) => {
    batches.push(id);
    const before = receipts.get(id);
    if (before !== undefined) return before;
    const fresh = sent.filter(
      (row) => !rows.some((kept) => kept.ts === row.ts && kept.id === row.id),
    );
    rows.push(...fresh);
    const counts = new Map<string, { hour: number; source: string; count: number }>();
    for (const row of sent.filter((one) => !fresh.includes(one))) {
      const hour = Math.floor(row.receivedAt / HOUR);
      const known = counts.get(`${hour} ${row.source}`) ?? { hour, source: row.source, count: 0 };
      counts.set(`${hour} ${row.source}`, { ...known, count: known.count + 1 });
    }
    const receipt = { inserted: fresh.length, duplicates: [...counts.values()] };
    receipts.set(id, receipt);
    return receipt;
  };
  return { insert, rows, batches };
}

function drainInto(
  warehouse: Warehouse,
  options: { intervalMs?: number; batchSize?: number } = {},
): Drain {
  const drain = startDrain({
    inbox,
    warehouse,
    log: silentLog,
    intervalMs: 3_600_000,
    batchSize: 100,
    ...options,
  });
  drains.push(drain);
  return drain;
}

const event = (id: string, ts = START) => outcomeEvent({ id, ts }) as AssayEvent;
const deliver = (...events: AssayEvent[]) =>
  inbox.accept({ receivedAt: START, source: 'http', keyId: 'k', events, refused: [] });
const many = (count: number) =>
  Array.from({ length: count }, (_, index) => event(`e${String(index).padStart(4, '0')}`));
const eventually = async (holds: () => boolean): Promise<void> => {
  const until = Date.now() + 5000;
  while (!holds()) {
    if (Date.now() > until) throw new Error('it did not come to pass in 5 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

describe('the drain', () => {
  test('moves everything, batch after batch', async () => {
    const warehouse = keeping();
    await deliver(...many(25));
    await drainInto(fake(warehouse.insert), { batchSize: 10 }).drainNow();
    expect(warehouse.rows.map(({ id }) => id)).toEqual(many(25).map(({ id }) => id));
    expect(warehouse.batches).toHaveLength(3);
    expect(inbox.waiting()).toBe(0);
  });

  test('does nothing when nothing waits', async () => {
    const warehouse = keeping();
    await drainInto(fake(warehouse.insert)).drainNow();
    expect(warehouse.batches).toEqual([]);
  });

  test('runs by itself, and goes on after a failure', async () => {
    const warehouse = keeping();
    let failures = 3;
    drainInto(
      fake((batch) =>
        failures-- > 0 ? Promise.reject(new Error('down')) : warehouse.insert(batch),
      ),
      { intervalMs: 5 },
    );
    await deliver(event('a'));
    await eventually(() => inbox.waiting() === 0);
    expect(warehouse.rows.map(({ id }) => id)).toEqual(['a']);
  });

  test('moves what was acknowledged before the call, though earlier events keep arriving', async () => {
    const warehouse = keeping();
    let arriving = 0;
    const busy: Insert = async (batch) => {
      const receipt = await warehouse.insert(batch);
      arriving += 1;
      if (arriving <= 20) await deliver(event(`earlier-${arriving}`, START - 100 - arriving));
      return receipt;
    };
    await deliver(event('a'), event('b'), event('c'));
    await drainInto(fake(busy), { batchSize: 1 }).drainNow();
    expect(warehouse.rows.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  });

  test('sends one batch at a time, however often it is asked', async () => {
    const warehouse = keeping();
    let at = 0;
    let most = 0;
    const drain = drainInto(
      fake(async (batch) => {
        at += 1;
        most = Math.max(most, at);
        await new Promise((resolve) => setTimeout(resolve, 2));
        at -= 1;
        return warehouse.insert(batch);
      }),
      { intervalMs: 1, batchSize: 5 },
    );
    await deliver(...many(30));
    await Promise.all([drain.drainNow(), drain.drainNow(), drain.drainNow()]);
    expect(most).toBe(1);
    expect(warehouse.rows).toHaveLength(30);
  });

  test('keeps the sum right when the warehouse has some events already', async () => {
    const warehouse = keeping();
    const drain = drainInto(fake(warehouse.insert));
    await deliver(event('a'), event('b'));
    await drain.drainNow();
    expect(await deliver(event('a'), event('b'), event('c'), event('c'))).toEqual({
      accepted: 3,
      duplicates: 1,
    });
    await drain.drainNow();
    expect(inbox.totals()).toEqual({ received: 6, accepted: 3, duplicate: 3, refused: 0 });
    expect(warehouse.rows).toHaveLength(3);
  });
});

describe('a warehouse that fails', () => {
  test('costs nothing: events wait, intake goes on, and all of it moves later', async () => {
    const warehouse = keeping();
    let down = true;
    const drain = drainInto(
      fake((batch) => (down ? Promise.reject(new Error('down')) : warehouse.insert(batch))),
      { batchSize: 2 },
    );
    await deliver(event('b'), event('c'), event('d'));
    await expect(drain.drainNow()).rejects.toThrow('down');
    expect(await deliver(event('a'))).toEqual({ accepted: 1, duplicates: 0 });
    expect(inbox.waiting()).toBe(4);
    down = false;
    await drain.drainNow();
    expect(inbox.waiting()).toBe(0);
    expect(warehouse.rows.map(({ id }) => id).sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(inbox.totals()).toMatchObject({ accepted: 4, duplicate: 0 });
  });

  test('after its commit is asked again with the same batch, and nothing is counted twice', async () => {
    const warehouse = keeping();
    let lost = 2;
    const drain = drainInto(
      fake(async (batch) => {
        const receipt = await warehouse.insert(batch);
        if (lost-- > 0) throw new Error('the answer was lost');
        return receipt;
      }),
    );
    await deliver(event('a'), event('b'));
    await expect(drain.drainNow()).rejects.toThrow('lost');
    await deliver(event('c'));
    await expect(drain.drainNow()).rejects.toThrow('lost');
    await drain.drainNow();
    expect(new Set(warehouse.batches.slice(0, 3)).size).toBe(1);
    expect(warehouse.rows.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(inbox.totals()).toEqual({ received: 3, accepted: 3, duplicate: 0, refused: 0 });
  });

  test('that hangs holds up no intake, and its turns do not pile up', async () => {
    const warehouse = keeping();
    let calls = 0;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const drain = drainInto(
      fake(async (batch) => {
        calls += 1;
        await held;
        return warehouse.insert(batch);
      }),
      { intervalMs: 1 },
    );
    await deliver(event('a'));
    await eventually(() => calls === 1);
    const waits = drain.drainNow();
    for (let index = 0; index < 20; index += 1) await deliver(event(`more-${index}`));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(calls).toBe(1);
    expect(inbox.waiting()).toBe(21);
    release();
    await waits;
    await eventually(() => inbox.waiting() === 0);
    expect(warehouse.rows).toHaveLength(21);
    expect(new Set(warehouse.batches).size).toBe(warehouse.batches.length);
  });

  test('while the server stops: the batch on its way is finished, the rest waits for the next start', async () => {
    const warehouse = keeping();
    const drain = drainInto(
      fake(async (batch) => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        return warehouse.insert(batch);
      }),
      { batchSize: 1 },
    );
    await deliver(event('a'), event('b'), event('c'));
    const asked = drain.drainNow();
    const refused = expect(asked).rejects.toMatchObject({ code: 'unavailable' });
    await drain.stop();
    await refused;
    expect(warehouse.rows.length + inbox.waiting()).toBe(3);
    expect(inbox.waiting()).toBeGreaterThan(0);
    await drainInto(fake(warehouse.insert)).drainNow();
    expect(warehouse.rows.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  });
});

describe('a kill', () => {
  const countIn = async (path: string) => {
    const instance = await DuckDBInstance.create(path);
    const connection = await instance.connect();
    const rows = await connection.runAndReadAll(
      'select count(*)::integer, count(distinct (ts, id))::integer, count(distinct seq)::integer, coalesce(max(seq), 0)::integer from events',
    );
    connection.closeSync();
    instance.closeSync();
    return rows.getRows()[0];
  };

  test.each<[string, 'before' | 'after']>([
    ['between the mark in the inbox and the warehouse', 'before'],
    ['between the commit of the warehouse and the clearing of the inbox', 'after'],
  ])('%s loses and doubles nothing', async (_where, moment) => {
    const path = join(directory, 'warehouse.duckdb');
    const first = await openDuckdb(path, systemClock);
    await deliver(...many(10));
    const batch = inbox.nextBatch(() => 'the batch', 4) as Batch;
    if (moment === 'after') await first.insertBatch(batch);
    // Killed here: nothing is cleared, nothing is said goodbye to.
    await first.close();
    inbox.close();

    inbox = openFile();
    const second = await openDuckdb(path, systemClock);
    // Clients that got no answer send again; others send for the first time, earlier in event time.
    expect(await deliver(...many(10), event('new', START - 1))).toEqual({
      accepted: 1,
      duplicates: 10,
    });
    await drainInto(second, { batchSize: 4 }).drainNow();
    expect(inbox.waiting()).toBe(0);
    expect(inbox.totals()).toEqual({ received: 21, accepted: 11, duplicate: 10, refused: 0 });

    // Sent once more after everything was moved: accepted, then found out.
    expect(await deliver(...many(10))).toEqual({ accepted: 10, duplicates: 0 });
    await drainInto(second, { batchSize: 3 }).drainNow();
    expect(inbox.totals()).toEqual({ received: 31, accepted: 11, duplicate: 20, refused: 0 });
    expect(await second.watermark()).toBe(11n);
    await second.close();
    expect(await countIn(path)).toEqual([11, 11, 11, 11]);
  });
});
