/**
 * Exactly once, at every step between "sent" and "stored": a child process ends itself by SIGKILL at one
 * step, a second one goes on from there and dies at another, then everything must come out right. Torn
 * log files stand for what a write leaves that was cut in the middle. CRASH_SEED repeats a run.
 */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { IN_ORDER, inspect, stateAfterKill, verdictOf } from './support/check.ts';
import { type Books, newBooks } from './support/clients.ts';
import type { Death } from './support/die-at.ts';
import { type Load, type LoadBatch, makeLoad } from './support/load.ts';
import { openParts } from './support/parts.ts';
import { seeded, seedOfRun } from './support/random.ts';
import { type Child, endAll, launch } from './support/server.ts';
import { sleep, until, within } from './support/waiting.ts';

const SEED = seedOfRun();
const EVENTS = 4000;
const random = seeded(SEED ^ 0xd1e);
const directories: string[] = [];

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'assay-crash-point-'));
  directories.push(directory);
  return directory;
}

afterAll(async () => {
  await endAll();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

const NOT_SENT = 'idle';
const NOT_THERE = 'sent, not in the warehouse';
const NOT_CLEARED = 'in the warehouse, not cleared';

/** Every step, in the order in which a batch passes it, and what a kill there leaves behind. */
const POINTS: readonly (readonly [point: string, leaves: string])[] = [
  ['after inbox insertEvent', NOT_SENT],
  ['after inbox countIntake', NOT_SENT],
  ['before inbox commit', NOT_SENT],
  ['after inbox acknowledged', NOT_SENT],
  ['before inbox saveSending', NOT_SENT],
  ['after inbox saveSending', NOT_THERE],
  ['before warehouse begin transaction', NOT_THERE],
  ['after warehouse begin transaction', NOT_THERE],
  ['after warehouse clearStaging', NOT_THERE],
  ['before warehouse duplicates', NOT_THERE],
  ['before warehouse insertNew', NOT_THERE],
  ['during warehouse insertNew', NOT_THERE],
  ['after warehouse insertNew', NOT_THERE],
  ['after warehouse saveBatch', NOT_THERE],
  ['before warehouse commit', NOT_THERE],
  ['after warehouse commit', NOT_CLEARED],
  ['before inbox clearBatch', NOT_CLEARED],
  ['after inbox clearBatch', NOT_CLEARED],
  ['after inbox clearSending', NOT_CLEARED],
];

const loadA = { seed: SEED, events: EVENTS, from: 0 };
const loadB = { seed: SEED, events: EVENTS, from: 10_000_000 };
const loadC = { seed: SEED, events: 1500, from: 20_000_000 };

describe('killed at every step of intake and drain', () => {
  test.each(POINTS)('%s', dieTwice);

  test.each([0.3, 1, 2, 4])('during warehouse commit, after %s ms', async (runsMs) => {
    const leaves = `${NOT_THERE} or ${NOT_CLEARED}`;
    await dieTwice('during warehouse commit', leaves, runsMs);
  });

  async function dieTwice(point: string, leaves: string, runsMs?: number): Promise<void> {
    const directory = newDirectory();
    const books = newBooks();
    const first = makeLoad(loadA);
    const inIntake = point.startsWith('after inbox i') || /countIntake|inbox commit/.test(point);
    const passes = inIntake ? random.whole(1, 2) : 1;
    const unanswered = await lifeUntilDeath(
      { directory, load: loadA, point, passes, runsMs },
      first,
      books,
    );
    expect(leaves).toContain(await stateAfterKill(directory));

    // Another process finds this, takes in more of the same time span, and dies elsewhere.
    const second = makeLoad(loadB);
    const [other] = POINTS[random.whole(0, POINTS.length - 1)] as (typeof POINTS)[number];
    const death = { directory, load: loadB, point: other, passes: random.whole(0, 1) };
    unanswered.push(...(await lifeUntilDeath(death, second, books)));

    // A third one lives. Clients repeat what was not answered, and one batch that was.
    const third = makeLoad(loadC);
    const repeated = first.batches[random.whole(0, 2)] as LoadBatch;
    await lifeToTheEnd(directory, [...third.batches, ...unanswered, repeated], books);
    const expected = new Map([...first.expected, ...second.expected, ...third.expected]);
    const findings = await inspect(directory, expected, books);
    expect(verdictOf(findings), `second death ${other}, CRASH_SEED=${SEED}`).toEqual(IN_ORDER);
  }

  test('in the checkpoint of a clean stop', async () => {
    const found: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const directory = newDirectory();
      const load = { seed: SEED, events: 12_000, from: round * 20_000 };
      const child = dieAt({ directory, load, point: null, passes: 0, runsMs: 0 });
      const said = (event: string) => child.log.some((line) => line.event === event);
      await until(() => said('closing'), 30_000, 'the stop has begun', 1);
      await sleep(round * 12 + random.whole(0, 11));
      child.send('SIGKILL');
      await within(10_000, 'SIGKILL', child.exit);
      found.push(said('closed') ? 'closed before' : 'in the stop');
      const { expected, batches } = makeLoad(load);
      const books = booksOf(batches);
      await lifeToTheEnd(directory, [batches[0] as LoadBatch], books);
      const findings = await inspect(directory, expected, books);
      expect(verdictOf(findings), `CRASH_SEED=${SEED}`).toEqual(IN_ORDER);
    }
    console.log(`kills in the stop (CRASH_SEED=${SEED}): ${found.join(', ')}`);
    expect(found).toContain('in the stop');
  });
});

describe('a log file that was cut in the middle of a write', () => {
  test('of the warehouse: the batch comes again', async () => {
    const directory = newDirectory();
    const log = join(directory, 'warehouse.duckdb.wal');
    const load = makeLoad(loadA);
    const parts = await openParts(directory);
    for (const batch of load.batches.slice(0, 3)) await parts.deliver(batch);
    await parts.drain.drainNow();
    const before = statSync(log).size;
    for (const batch of load.batches.slice(3)) await parts.deliver(batch);
    const sent = newDirectory();
    // The log as the commit of the next batch left it, beside an inbox that has not heard of it yet.
    const { clear } = parts.inbox;
    Object.assign(parts.inbox, {
      clear: (...cleared: Parameters<typeof clear>) => {
        if (!existsSync(join(sent, 'inbox.db'))) cpSync(directory, sent, { recursive: true });
        clear(...cleared);
      },
    });
    await parts.drain.drainNow();
    await parts.close();
    const after = statSync(join(sent, 'warehouse.duckdb.wal')).size;
    expect(after).toBeGreaterThan(before);

    const states = new Set<string>();
    for (const cut of cutsBetween(before, after)) {
      const copy = copyCut(sent, 'warehouse.duckdb.wal', cut);
      states.add(await stateAfterKill(copy));
      const books = booksOf(load.batches);
      await lifeToTheEnd(copy, [load.batches[0] as LoadBatch], books);
      const findings = await inspect(copy, load.expected, books);
      expect(verdictOf(findings), `cut at ${cut} of ${before}-${after}`).toEqual(IN_ORDER);
    }
    expect([...states].sort()).toEqual([NOT_CLEARED, NOT_THERE].sort());
  });

  test('of the inbox: what was answered is there, the rest is sent again', async () => {
    const directory = newDirectory();
    const log = join(directory, 'inbox.db-wal');
    const load = makeLoad({ ...loadA, events: 1500 });
    const last = load.batches.at(-1) as LoadBatch;
    const parts = await openParts(directory);
    for (const batch of load.batches.slice(0, -1)) await parts.deliver(batch);
    const before = statSync(log).size;
    await parts.deliver(last);
    const after = statSync(log).size;
    expect(after).toBeGreaterThan(before);
    const sent = newDirectory();
    cpSync(directory, sent, { recursive: true });
    await parts.close();

    for (const cut of cutsBetween(before, after)) {
      const copy = copyCut(sent, 'inbox.db-wal', cut);
      rmSync(join(copy, 'inbox.db-shm'), { force: true });
      const books = booksOf(load.batches.slice(0, -1));
      attempt(books, last);
      await lifeToTheEnd(copy, [last], books);
      const findings = await inspect(copy, load.expected, books);
      expect(verdictOf(findings), `cut at ${cut} of ${before}-${after}`).toEqual(IN_ORDER);
    }
  });
});

describe('the judge finds a drain that is wrong', () => {
  test('one that clears before the warehouse has the batch loses events', async () => {
    const directory = newDirectory();
    const load = makeLoad(loadA);
    const books = newBooks();
    const point = 'after inbox clear';
    await lifeUntilDeath(
      { directory, load: loadA, point, passes: 0, clearsFirst: true },
      load,
      books,
    );
    await lifeToTheEnd(directory, [], books);
    const findings = await inspect(directory, load.expected, books);
    expect(findings.lost).toHaveLength(1000);
    expect(findings.twice).toHaveLength(0);
    expect(findings.faults.join('\n')).toMatch(/hour and source/);
  });

  test('one whose warehouse forgets what it has stores events twice', async () => {
    const directory = newDirectory();
    const load = makeLoad(loadA);
    const books = newBooks();
    const point = 'after warehouse commit';
    const broken = { directory, forgetful: true };
    await lifeUntilDeath({ ...broken, load: loadA, point, passes: 1 }, load, books);
    const second = makeLoad(loadB);
    const end = dieAt({ ...broken, load: loadB, point: null, passes: 0, runsMs: 0 });
    expect(await within(30_000, 'the second life', end.exit)).toMatchObject({ code: 0 });
    for (const batch of second.batches) answered(books, batch);
    const expected = new Map([...load.expected, ...second.expected]);
    const findings = await inspect(directory, expected, books);
    expect(findings.twice).toHaveLength(1000);
    expect(findings.lost).toHaveLength(0);
    expect(findings.faults.join('\n')).toMatch(/a batch id stands twice/);
  });
});

function dieAt(death: Death): Child {
  const program = ['test/slow/support/die-at.ts', JSON.stringify(death)];
  return launch({ directory: death.directory, program });
}

/** Runs the process until it kills itself; returns the batches that got no answer, to be sent again. */
async function lifeUntilDeath(
  death: Omit<Death, 'runsMs'> & { runsMs?: number | undefined },
  load: Load,
  books: Books,
): Promise<LoadBatch[]> {
  const child = dieAt({ ...death, runsMs: death.runsMs ?? 3 * random.next() });
  const exit = await within(30_000, `the life until ${death.point}`, child.exit);
  expect(exit, `${death.point}: ${child.errors()}`).toMatchObject({ signal: 'SIGKILL' });
  const told = (event: string, index: number) =>
    child.log.some((line) => line.event === event && line.index === index);
  return load.batches.filter((batch, index) => {
    const wasAnswered = told('acknowledged', index);
    if (wasAnswered) answered(books, batch);
    else if (told('sent', index)) attempt(books, batch);
    return !wasAnswered;
  });
}

async function lifeToTheEnd(directory: string, batches: readonly LoadBatch[], books: Books) {
  const parts = await openParts(directory);
  for (const batch of batches) {
    await parts.deliver(batch);
    answered(books, batch);
  }
  await parts.drain.drainNow();
  await parts.close();
}

function attempt({ attempted }: Books, batch: LoadBatch): void {
  attempted.requests += 1;
  attempted.events += batch.events;
  attempted.refused += batch.refused;
}

function answered(books: Books, batch: LoadBatch): void {
  attempt(books, batch);
  books.acknowledged.requests += 1;
  books.acknowledged.events += batch.events;
  books.acknowledged.refused += batch.refused;
}

function booksOf(batches: readonly LoadBatch[]): Books {
  const books = newBooks();
  for (const batch of batches) answered(books, batch);
  return books;
}

/** Both ends, their neighbours, and some places between. */
function cutsBetween(before: number, after: number): number[] {
  const inside = Array.from({ length: 8 }, () => random.whole(before + 2, after - 2));
  return [before, before + 1, ...inside.sort((a, b) => a - b), after - 1, after];
}

function copyCut(directory: string, name: string, size: number): string {
  const copy = newDirectory();
  for (const file of readdirSync(directory)) cpSync(join(directory, file), join(copy, file));
  truncateSync(join(copy, name), size);
  return copy;
}
