/**
 * The promise "an acknowledged event is on disk and is counted exactly once", against SIGKILL. The real
 * program runs as a child process; CRASH_SEED repeats a run. Every judgement is made by support/check.ts,
 * and the last tests show that this judge sees what it must see.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, describe, expect, test } from 'vitest';
import { type Findings, IN_ORDER, inspect, verdictOf } from './support/check.ts';
import { newBooks, type Sending, send } from './support/clients.ts';
import { harass, type Kill, type KillRecord, type Place } from './support/harass.ts';
import { type Load, makeLoad } from './support/load.ts';
import { seeded, seedOfRun } from './support/random.ts';
import { drained, endAll, kill, type Launch, type Server, start, stop } from './support/server.ts';
import { sleep, until, within } from './support/waiting.ts';

const SEED = seedOfRun();
const CLIENTS = 8;
const STOP_MS = 10_000;
const READY_MS = 15_000;
const directories: string[] = [];

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'assay-crash-'));
  directories.push(directory);
  return directory;
}

afterAll(async () => {
  await endAll();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

const tell = (title: string, facts: unknown): void => {
  console.log(`${title} (CRASH_SEED=${SEED}) ${JSON.stringify(facts, null, 1)}`);
};

const numbers = (findings: Findings, { books }: Sending) => ({
  acknowledged: books.acknowledged,
  retries: { unanswered: books.unanswered, putOff: books.putOff },
  stored: findings.stored,
  lost: findings.lost.length,
  twice: findings.twice.length,
  strangers: findings.strangers.length,
  different: findings.different.length,
  intake: findings.intake,
  lateDuplicates: findings.lateDuplicates,
  batches: findings.batches,
});

/** Feeds the load under these kills, waits until all is answered and drained, and stops in good order. */
async function feedUnderKills(options: {
  launch: Launch;
  load: Load;
  kills: readonly Kill[];
  seed: number;
  pauseMs?: number;
}): Promise<{
  sending: Sending;
  records: KillRecord[];
  firstReadyMs: number;
  exit: Awaited<ReturnType<typeof stop>>;
}> {
  const place: Place = { server: await start(options.launch) };
  const firstReadyMs = Math.round(place.server?.readyMs ?? 0);
  const sending = send({
    load: options.load,
    clients: CLIENTS,
    url: () => place.server?.address,
    pauseMs: options.pauseMs ?? 0,
  });
  try {
    const harassed = harass({ ...options, place, sending, random: seeded(options.seed) });
    const [records] = await Promise.all([harassed, sending.done]);
    await drained(place.server as Server, 60_000);
    const exit = await stop(place.server as Server, STOP_MS);
    return { sending, records, firstReadyMs, exit };
  } finally {
    sending.cancel();
  }
}

describe('200,000 events under SIGKILL', () => {
  const directory = newDirectory();
  const load = makeLoad({ seed: SEED, events: 200_000 });
  const KILLS: readonly Kill[] = [
    ...['anytime', 'drain', 'anytime', 'drain', 'while starting', 'anytime', 'drain'],
    ...['while stopping', 'drain', 'anytime', 'drain', 'anytime', 'while starting', 'drain'],
  ] as Kill[];
  let before: Findings;
  let sending: Sending;

  test('every acknowledged event is stored exactly once, with its values, and accounted for', async () => {
    const began = performance.now();
    const run = await feedUnderKills({
      launch: { directory },
      load,
      kills: KILLS,
      seed: SEED,
      pauseMs: 250,
    });
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    sending = run.sending;
    before = await inspect(directory, load.expected, sending.books);
    const readyMs = run.records.map((record) => record.readyMs).sort((a, b) => a - b);
    tell('crash', {
      seconds,
      kills: run.records.map(({ kill, acknowledged, found, readyMs }) =>
        [kill, `after ${acknowledged}`, found, `ready ${readyMs} ms`].join(', '),
      ),
      firstReadyMs: run.firstReadyMs,
      readyMs: { median: readyMs[readyMs.length >> 1], max: readyMs.at(-1) },
      stopMs: Math.round(run.exit.ms),
      ...numbers(before, sending),
    });

    expect(run.exit).toMatchObject({ code: 0, signal: null });
    expect(sending.books.strange).toEqual([]);
    expect([...sending.acknowledged].sort()).toEqual([...load.expected.keys()].sort());
    expect(verdictOf(before)).toEqual(IN_ORDER);
    expect(before.stored).toBe(load.expected.size);
    // The kills were kills: under load, and those meant for a drain hit one.
    expect(run.records.every((record) => record.acknowledged < load.expected.size)).toBe(true);
    const inDrain = run.records.filter((record) => record.found !== 'idle');
    expect(inDrain.length).toBeGreaterThanOrEqual(3);
    expect(sending.books.unanswered).toBeGreaterThan(0);
    expect(Math.max(...readyMs)).toBeLessThan(READY_MS);
  });

  test('5,000 events sent again after the drain change nothing and count as duplicates', async () => {
    const batches = load.batches.filter((_, index) => index % 9 === 0);
    let resent = 0;
    const some = batches.filter(({ refused, keys }) => {
      if (refused > 0 || resent >= 5000) return false;
      resent += keys.length;
      return true;
    });
    const events = some.reduce((sum, batch) => sum + batch.events, 0);
    expect(resent).toBeGreaterThanOrEqual(5000);

    const server = await start({ directory });
    const again = send({
      load: { batches: some },
      clients: 4,
      url: () => server.address,
      again: false,
      books: sending.books,
    });
    await again.done;
    await drained(server, 30_000);
    const exit = await stop(server, STOP_MS);
    expect(exit).toMatchObject({ code: 0, signal: null });

    const after = await inspect(directory, load.expected, sending.books);
    expect(verdictOf(after)).toEqual(IN_ORDER);
    expect(after.digest).toBe(before.digest);
    expect(after.intake).toEqual({
      ...before.intake,
      received: before.intake.received + events,
      duplicate: before.intake.duplicate + events,
    });
    tell('resend', { resent: events, before: before.intake, after: after.intake });
  });

  test('the judge sees one event removed, one doubled, one changed and one moved', async () => {
    const copy = newDirectory();
    cpSync(directory, copy, { recursive: true });
    const instance = await DuckDBInstance.create(join(copy, 'warehouse.duckdb'));
    const connection = await instance.connect();
    await connection.run('delete from events where seq = 77');
    await connection.run(
      'insert into events select * replace (200002 as seq) from events where seq = 1000',
    );
    await connection.run(
      `update events set value_micros = value_micros + 1
       where seq = (select min(seq) from events where kind = 'outcome' and seq > 2000)`,
    );
    await connection.run("update events set id = id || '-other' where seq = 3000");
    connection.closeSync();
    instance.closeSync();

    const findings = await inspect(copy, load.expected, sending.books);
    expect(findings.lost).toHaveLength(2);
    expect(findings.twice).toHaveLength(1);
    expect(findings.different).toHaveLength(1);
    expect(findings.strangers).toHaveLength(1);
    expect(findings.faults.join('\n')).toMatch(/seq 78 follows 76/);
    expect(findings.faults.join('\n')).toMatch(/seq 200002 follows 200000/);
  });
});

test('five SIGTERMs under load: exit 0 in 10 s each, nothing acknowledged is lost', async () => {
  const directory = newDirectory();
  const random = seeded(SEED ^ 0x5e7);
  const load = makeLoad({ seed: SEED, events: 80_000, from: 1_000_000 });
  let server: Server | undefined = await start({ directory });
  const sending = send({ load, clients: CLIENTS, url: () => server?.address });
  const stops: { ms: number; acknowledged: number; code: number | null }[] = [];
  try {
    const harassed = (async () => {
      for (let round = 0; round < 5; round += 1) {
        const part = (0.85 * (round + random.next())) / 5;
        const reached = () => sending.acknowledged.size >= part * load.expected.size;
        await until(reached, 60_000, `${Math.round(part * 100)}% are acknowledged`, 2);
        await sleep(random.whole(0, 60));
        const acknowledged = sending.acknowledged.size;
        const exit = await stop(server as Server, STOP_MS);
        server = undefined;
        stops.push({ ms: Math.round(exit.ms), acknowledged, code: exit.code });
        server = await start({ directory });
      }
    })();
    await Promise.all([harassed, sending.done]);
    await drained(server as Server, 60_000);
    const exit = await stop(server as Server, STOP_MS);
    stops.push({ ms: Math.round(exit.ms), acknowledged: load.expected.size, code: exit.code });
  } finally {
    sending.cancel();
  }
  const findings = await inspect(directory, load.expected, sending.books);
  tell('sigterm', { stops, ...numbers(findings, sending) });
  expect(stops.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
  // A server that goes on serving busy connections after SIGTERM lets the load run out here.
  expect(stops.slice(0, 5).every(({ acknowledged }) => acknowledged < load.expected.size)).toBe(
    true,
  );
  expect(sending.books.strange).toEqual([]);
  expect(verdictOf(findings)).toEqual(IN_ORDER);
  // What was begun was finished: no commit without its answer.
  expect(findings.intake.received).toBe(sending.books.acknowledged.events);
});

test('SIGTERM with a long backlog: exit 0 in 10 s, the rest is drained after the restart', async () => {
  const directory = newDirectory();
  const load = makeLoad({ seed: SEED, events: 100_000, from: 2_000_000 });
  // No drain at first, then one in small steps that would take far longer than a stop may.
  const first = await start({ directory, environment: { ASSAY_DRAIN_INTERVAL_MS: '3600000' } });
  const sending = send({ load, clients: CLIENTS, url: () => first.address, again: false });
  await sending.done;
  await kill(first);
  const slow = await start({ directory, environment: { ASSAY_DRAIN_BATCH: '50' } });
  await sleep(300);
  const exit = await stop(slow, STOP_MS);
  const moved = slow.log.filter((line) => line.event === 'batch.drained').length;
  const last = await start({ directory });
  await drained(last, 60_000);
  await stop(last, STOP_MS);
  const findings = await inspect(directory, load.expected, sending.books);
  tell('backlog', {
    stopMs: Math.round(exit.ms),
    batchesBeforeStop: moved,
    ...numbers(findings, sending),
  });
  expect(exit).toMatchObject({ code: 0, signal: null });
  expect(moved).toBeLessThan(2000);
  expect(verdictOf(findings)).toEqual(IN_ORDER);
});

test('a server that answers before it commits loses events under the same kills, and is found out', async () => {
  const directory = newDirectory();
  const load = makeLoad({ seed: SEED, events: 30_000, from: 3_000_000 });
  const program = ['test/slow/support/hasty-server.ts'];
  const run = await feedUnderKills({
    launch: { directory, program },
    load,
    kills: ['anytime', 'drain', 'anytime', 'anytime'],
    seed: SEED ^ 0xbad,
  });
  // How this one ends is not asked: what it answered early may meet a closed inbox.
  const findings = await inspect(directory, load.expected, run.sending.books);
  tell('negative control', { kills: run.records, ...numbers(findings, run.sending) });
  expect(run.sending.acknowledged.size).toBe(load.expected.size);
  expect(findings.lost.length).toBeGreaterThan(0);
  expect(findings.faults.join('\n')).toMatch(/accepted is \d+, 30000 events were sent/);
});

test('the books of the clients are judged too: an answer that was never counted is found', async () => {
  const directory = newDirectory();
  const load = makeLoad({ seed: SEED, events: 2000, from: 4_000_000 });
  const server = await start({ directory });
  const sending = send({ load, clients: 2, url: () => server.address, again: false });
  await within(20_000, 'the load', sending.done);
  await drained(server, 20_000);
  await stop(server, STOP_MS);
  const more = newBooks();
  more.acknowledged.events = sending.books.acknowledged.events + 1;
  more.attempted.events = sending.books.attempted.events + 1;
  more.attempted.refused = sending.books.attempted.refused;
  const findings = await inspect(directory, load.expected, more);
  expect(findings.faults).toHaveLength(1);
  expect(findings.faults[0]).toMatch(/^received is/);
});
