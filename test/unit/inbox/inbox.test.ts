import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AssayEvent } from '../../../src/domain/event.ts';
import { type Delivery, type Inbox, openInbox } from '../../../src/inbox/inbox.ts';
import { storageFault } from '../../../src/inbox/open.ts';
import { counter, HOUR, outcomeEvent, START } from '../../support/factories.ts';

let directory: string;
let inbox: Inbox;
const open = () =>
  openInbox(join(directory, 'inbox.db'), {
    onFsyncFailure: (error) => {
      throw error;
    },
  });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'assay-inbox-'));
  inbox = open();
});
afterEach(() => {
  inbox.close();
  rmSync(directory, { recursive: true, force: true });
});

function reopen(): void {
  inbox.close();
  inbox = open();
}
const event = (id: string, ts = START): AssayEvent => outcomeEvent({ id, ts }) as AssayEvent;
const deliver = (events: readonly AssayEvent[], fields: Partial<Delivery> = {}) =>
  inbox.accept({ receivedAt: START, source: 'http', keyId: 'k', events, refused: [], ...fields });
const refusal = (index: number, body = '{}') => ({
  index,
  id: null,
  code: 'invalid' as const,
  detail: 'no',
  body,
});
const batches = counter();
const next = (size = 100, mark?: number) => inbox.nextBatch(() => `batch-${batches()}`, size, mark);
const ids = (size?: number) => next(size)?.rows.map(({ id }) => id);

describe('a delivery', () => {
  test('is on disk, to be seen by others, when it is answered', async () => {
    await deliver([event('a')]);
    const other = new Database(join(directory, 'inbox.db'), { readonly: true });
    expect(other.prepare('select id from events').pluck().all()).toEqual(['a']);
    other.close();
  });

  test('counts an event once: within it, among those beside it, and after them', async () => {
    expect(await deliver([event('a'), event('a'), event('b')])).toEqual({
      accepted: 2,
      duplicates: 1,
    });
    const [one, two] = await Promise.all([
      deliver([event('c'), event('a')]),
      deliver([event('c')]),
    ]);
    expect(one).toEqual({ accepted: 1, duplicates: 1 });
    expect(two).toEqual({ accepted: 0, duplicates: 1 });
    expect(inbox.totals()).toEqual({ received: 6, accepted: 3, duplicate: 3, refused: 0 });
    expect(inbox.waiting()).toBe(3);
  });

  test('keeps the first of two events of one identity, and two of one id at two times', async () => {
    await deliver([
      { ...event('a'), value: 1 } as AssayEvent,
      { ...event('a'), value: 2 } as AssayEvent,
      event('a', START + 1),
    ]);
    expect(next()?.rows.map(({ body }) => JSON.parse(body).value)).toEqual([1, undefined]);
  });

  test('of nothing is answered too', async () => {
    expect(await deliver([])).toEqual({ accepted: 0, duplicates: 0 });
  });

  test('shares one transaction with those that came in the same turn', async () => {
    const before = inbox.mark();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => deliver([event(`e${index}`)])),
    );
    expect(answers.every(({ accepted }) => accepted === 1)).toBe(true);
    expect(inbox.mark()).toBe(before + 50);
    expect(inbox.waiting()).toBe(50);
  });

  test('is committed by a close that comes before its turn', async () => {
    const answer = deliver([event('late')]);
    inbox.close();
    expect(await answer).toEqual({ accepted: 1, duplicates: 0 });
    inbox = open();
    expect(inbox.waiting()).toBe(1);
  });

  test('that does not fit any more is turned away with a time to come back', async () => {
    const full = deliver(Array.from({ length: 200_000 }, () => event('same')));
    await expect(deliver([event('one more')])).rejects.toMatchObject({
      code: 'unavailable',
      retryAfterSeconds: 1,
    });
    expect(await full).toEqual({ accepted: 1, duplicates: 199_999 });
    expect(await deliver([event('one more')])).toMatchObject({ accepted: 1 });
  });

  test('is counted by the hour in which it came and by its source: received is accepted, duplicate and refused', async () => {
    await deliver([event('a'), event('a')], { refused: [refusal(2), refusal(3)] });
    await deliver([event('a')], { receivedAt: START + HOUR, source: 'sdk/1' });
    expect(inbox.totals()).toEqual({ received: 5, accepted: 1, duplicate: 2, refused: 2 });
    const file = new Database(join(directory, 'inbox.db'), { readonly: true });
    expect(
      file
        .prepare(
          'select hour - ?, source, received, accepted, duplicate, refused from intake order by hour',
        )
        .raw()
        .all(START / HOUR),
    ).toEqual([
      [0, 'http', 4, 1, 1, 2],
      [1, 'sdk/1', 1, 0, 1, 0],
    ]);
    file.close();
  });

  test('leaves its refused events to be read, with their reason, cut at 16 kB', async () => {
    await deliver([], {
      refused: [refusal(0, 'x'.repeat(20_000)), { ...refusal(1), id: 'o\u00001', detail: 'why' }],
    });
    const file = new Database(join(directory, 'inbox.db'), { readonly: true });
    const rows = file
      .prepare('select position, event_id, code, detail, length(body), key_id from refused')
      .raw()
      .all();
    expect(rows).toEqual([
      [0, null, 'invalid', 'no', 16_384, 'k'],
      [1, 'o\u00001', 'invalid', 'why', 2, 'k'],
    ]);
    file.close();
  });
});

describe('a batch', () => {
  test('is what waits, in the order of time and id, at most as large as asked', async () => {
    await deliver([event('c'), event('a'), event('b', START - 5), event('b')]);
    expect(next(3)?.rows.map(({ ts, id }) => [ts - START, id])).toEqual([
      [-5, 'b'],
      [0, 'a'],
      [0, 'b'],
    ]);
  });

  test('does not exist when nothing waits', () => {
    expect(next()).toBeUndefined();
  });

  test('stays the same until it is cleared, whatever arrives meanwhile', async () => {
    await deliver([event('b'), event('d')]);
    const batch = next();
    await deliver([event('a'), event('c'), event('e')]);
    expect(next()).toEqual(batch);
    inbox.clear(batch?.id ?? '', []);
    expect(ids()).toEqual(['a', 'c', 'e']);
  });

  test('is the same after a restart, its id included', async () => {
    await deliver([event('b'), event('d')]);
    const batch = next(1);
    reopen();
    await deliver([event('a')]);
    expect(next(1)).toEqual(batch);
    inbox.clear(batch?.id ?? '', []);
    reopen();
    expect(ids()).toEqual(['a', 'd']);
  });

  test('that was cleared leaves the rows that arrived behind its back', async () => {
    await deliver([event('a'), event('z')]);
    const batch = next();
    await deliver([event('m')]);
    inbox.clear(batch?.id ?? '', []);
    expect(inbox.waiting()).toBe(1);
    reopen();
    expect(ids()).toEqual(['m']);
  });

  test('is taken only from what had arrived by the mark', async () => {
    await deliver([event('m')]);
    const mark = inbox.mark();
    await deliver([event('a')]);
    const batch = next(100, mark);
    expect(batch?.rows.map(({ id }) => id)).toEqual(['m']);
    inbox.clear(batch?.id ?? '', []);
    expect(next(100, mark)).toBeUndefined();
    expect(ids()).toEqual(['a']);
  });

  test('cannot be cleared under another name', async () => {
    await deliver([event('a')]);
    next();
    expect(() => inbox.clear('another', [])).toThrow(RangeError);
    expect(inbox.waiting()).toBe(1);
  });

  test('moves what proved to be a duplicate, and the sum stays', async () => {
    await deliver([event('a'), event('b')], { receivedAt: START + HOUR, source: 'sdk' });
    const batch = next();
    inbox.clear(batch?.id ?? '', [{ hour: START / HOUR + 1, source: 'sdk', count: 1 }]);
    expect(inbox.totals()).toEqual({ received: 2, accepted: 1, duplicate: 1, refused: 0 });
  });

  test.each(['é', 'a\u0000b', '漢字 😀', "'; drop table events --", 'x'.repeat(200)])(
    'carries the id %j as it is',
    async (id) => {
      await deliver([event(id)]);
      expect(await deliver([event(id)])).toEqual({ accepted: 0, duplicates: 1 });
      expect(ids()).toEqual([id]);
    },
  );

  test('carries instants of all millennia', async () => {
    const instants = [-62_135_596_800_000, -1, 0, 253_402_300_799_999];
    await deliver(instants.map((ts) => event('a', ts)));
    expect(next()?.rows.map(({ ts }) => ts)).toEqual(instants);
  });
});

test('a full disk, a failed fsync and a mistake of ours are told apart', () => {
  const fault = (code: string) => storageFault(new Database.SqliteError('x', code));
  expect([fault('SQLITE_FULL'), fault('SQLITE_IOERR_WRITE')]).toEqual(['full', 'full']);
  expect([fault('SQLITE_IOERR_FSYNC'), fault('SQLITE_IOERR_DIR_FSYNC')]).toEqual([
    'fsync',
    'fsync',
  ]);
  expect([
    fault('SQLITE_CONSTRAINT'),
    storageFault(new Error('SQLITE_FULL')),
    storageFault(undefined),
  ]).toEqual([undefined, undefined, undefined]);
});
