/**
 * The judge: reads a data directory that nobody has open and says what is wrong with it, by its own
 * SQL and not by the program's. It knows the events that were acknowledged and the clients' books.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import Database from 'better-sqlite3';
import type { Books } from './clients.ts';
import { keyOf, printOf } from './load.ts';

export type Findings = {
  readonly stored: number;
  /** Acknowledged and not there. */
  readonly lost: readonly string[];
  /** There more than once. */
  readonly twice: readonly string[];
  /** There, and never sent. */
  readonly strangers: readonly string[];
  /** There with other content than was sent. */
  readonly different: readonly string[];
  /** Sentences about the sequence, the accounting and the files. */
  readonly faults: readonly string[];
  readonly intake: Intake;
  readonly lateDuplicates: number;
  readonly batches: number;
  /** Of all rows in the order of their sequence, and of the sequence itself. */
  readonly digest: string;
};

type Intake = { received: number; accepted: number; duplicate: number; refused: number };
type Counts = Map<string, number>;

export async function inspect(
  directory: string,
  expected: ReadonlyMap<string, string>,
  books?: Books,
): Promise<Findings> {
  const faults: string[] = [];
  const inbox = readInbox(join(directory, 'inbox.db'), faults);
  if (existsSync(join(directory, 'control.db'))) checkSqlite(join(directory, 'control.db'), faults);
  const warehouse = await readWarehouse(join(directory, 'warehouse.duckdb'), faults, expected);

  const { intake } = inbox;
  if (intake.accepted !== expected.size) {
    faults.push(`accepted is ${intake.accepted}, ${expected.size} events were sent`);
  }
  if (intake.received !== intake.accepted + intake.duplicate + intake.refused) {
    faults.push(`the intake does not add up: ${JSON.stringify(intake)}`);
  }
  for (const key of new Set([...inbox.accepted.keys(), ...warehouse.counts.keys()])) {
    const [counted, stored] = [inbox.accepted.get(key) ?? 0, warehouse.counts.get(key) ?? 0];
    if (counted !== stored)
      faults.push(`hour and source ${key}: ${counted} accepted, ${stored} stored`);
  }
  if (warehouse.lateDuplicates > intake.duplicate) {
    faults.push(`${warehouse.lateDuplicates} late duplicates, ${intake.duplicate} counted`);
  }
  if (books !== undefined) faults.push(...compareBooks(books, intake));
  const lost = [...expected.keys()].filter((key) => !warehouse.seen.has(key));
  return { ...warehouse, lost, faults, intake };
}

/** Whether everything is in order, in a form that a failed test prints well. */
export function verdictOf(findings: Findings) {
  const { lost, twice, strangers, different, faults } = findings;
  const few = (list: readonly string[]) => ({ count: list.length, such: list.slice(0, 5) });
  return {
    lost: few(lost),
    twice: few(twice),
    strangers: few(strangers),
    different: few(different),
    faults: faults.slice(0, 10),
  };
}

const NONE = { count: 0, such: [] };
export const IN_ORDER = { lost: NONE, twice: NONE, strangers: NONE, different: NONE, faults: [] };

/** What was answered must have been counted; what was never sent cannot have been. */
function compareBooks({ acknowledged, attempted }: Books, intake: Intake): string[] {
  const between = (name: string, low: number, count: number, high: number) =>
    count >= low && count <= high ? [] : [`${name} is ${count}, must be from ${low} to ${high}`];
  return [
    ...between('received', acknowledged.events, intake.received, attempted.events),
    ...between('refused', acknowledged.refused, intake.refused, attempted.refused),
  ];
}

function checkSqlite(path: string, faults: string[]): void {
  const db = new Database(path, { fileMustExist: true });
  try {
    const integrity = db.pragma('integrity_check', { simple: true });
    if (integrity !== 'ok') faults.push(`${path}: integrity_check says ${String(integrity)}`);
    const foreign = db.pragma('foreign_key_check') as unknown[];
    if (foreign.length > 0) faults.push(`${path}: foreign_key_check finds ${foreign.length} rows`);
  } finally {
    db.close();
  }
}

function readInbox(path: string, faults: string[]): { intake: Intake; accepted: Counts } {
  checkSqlite(path, faults);
  const db = new Database(path, { fileMustExist: true });
  try {
    const one = (sql: string) => Number(db.prepare(sql).pluck().get());
    const waiting = one('select count(*) from events');
    if (waiting > 0) faults.push(`${waiting} events still wait in the inbox`);
    if (one('select count(*) from sending') > 0) faults.push('a batch is still on its way');
    const intake = db
      .prepare(
        `select coalesce(sum(received), 0) as received, coalesce(sum(accepted), 0) as accepted,
                coalesce(sum(duplicate), 0) as duplicate, coalesce(sum(refused), 0) as refused
         from intake`,
      )
      .get() as Intake;
    const refused = one('select count(*) from refused');
    if (refused !== intake.refused) {
      faults.push(`${intake.refused} events were refused, ${refused} are kept`);
    }
    const rows = db
      .prepare('select hour, source, accepted from intake where accepted <> 0')
      .all() as { hour: number; source: string; accepted: number }[];
    const accepted = new Map(rows.map((row) => [`${row.hour} ${row.source}`, row.accepted]));
    return { intake, accepted };
  } finally {
    db.close();
  }
}

async function readWarehouse(
  path: string,
  faults: string[],
  expected: ReadonlyMap<string, string>,
) {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    const seen = new Set<string>();
    const twice: string[] = [];
    const strangers: string[] = [];
    const different: string[] = [];
    const counts: Counts = new Map();
    const hash = createHash('sha256');
    let previous = 0n;
    let stored = 0;
    const events = await connection.stream(`
      select seq, ts, id, received_at, cardinality(units), kind, source, units['user'], experiment,
             version, variant, name, value_micros, request_id, attributes::varchar,
             properties::varchar, corrects, details::varchar
      from events
      order by seq, ts, id`);
    for (;;) {
      const chunk = await events.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) break;
      for (const row of chunk.getRows()) {
        const [seq, ts, id, receivedAt, unitTypes, ...rest] = row as [
          bigint,
          bigint,
          string,
          bigint,
          bigint,
        ];
        const [kind, source, user, experiment, version, variant, name, valueMicros, ...more] =
          rest as unknown[];
        const [requestId, attributes, properties, corrects, details] = more;
        const key = keyOf(ts, id);
        const content = { kind, source, user, experiment, version, variant, name };
        const said = { valueMicros, requestId, attributes, properties };
        const print = printOf({ ...content, ...said } as Parameters<typeof printOf>[0]);
        stored += 1;
        if (seq !== previous + 1n) faults.push(`seq ${seq} follows ${previous}`);
        previous = seq;
        if (seen.has(key)) twice.push(key);
        seen.add(key);
        const sent = expected.get(key);
        if (sent === undefined) strangers.push(key);
        else if (sent !== print || unitTypes !== 1n || corrects !== null || details !== null) {
          different.push(`${key}: ${print}, sent as ${sent}`);
        }
        const hour = `${receivedAt / 3_600_000n} ${String(source)}`;
        counts.set(hour, (counts.get(hour) ?? 0) + 1);
        hash.update(`${seq} ${key} ${receivedAt} ${print}\n`);
      }
    }
    const batches = await readBatches(connection, stored, faults);
    return {
      stored,
      seen,
      twice,
      strangers,
      different,
      counts,
      digest: hash.digest('hex'),
      ...batches,
    };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The record of the batches must tell the same story as the events. */
async function readBatches(
  connection: Awaited<ReturnType<DuckDBInstance['connect']>>,
  stored: number,
  faults: string[],
): Promise<{ batches: number; lateDuplicates: number }> {
  const result = await connection.runAndReadAll(
    'select batch, first_seq, inserted, duplicates from batches order by first_seq, inserted',
  );
  const rows = result.getRows() as [string, bigint, bigint, string][];
  let next = 0n;
  let lateDuplicates = 0;
  for (const [batch, firstSeq, inserted, duplicates] of rows) {
    if (firstSeq !== next)
      faults.push(`batch ${batch} begins after ${firstSeq}, not after ${next}`);
    next = firstSeq + inserted;
    for (const { count } of JSON.parse(duplicates) as { count: number }[]) lateDuplicates += count;
  }
  if (next !== BigInt(stored)) faults.push(`the batches hold ${next} events, the table ${stored}`);
  if (new Set(rows.map(([batch]) => batch)).size !== rows.length)
    faults.push('a batch id stands twice');
  return { batches: rows.length, lateDuplicates };
}

/** Where a killed server was: told from a copy, so that the server itself does the recovery. */
export async function stateAfterKill(
  directory: string,
): Promise<'idle' | 'sent, not in the warehouse' | 'in the warehouse, not cleared'> {
  const copy = mkdtempSync(join(tmpdir(), 'assay-crash-copy-'));
  try {
    for (const name of ['inbox.db', 'inbox.db-wal', 'warehouse.duckdb', 'warehouse.duckdb.wal']) {
      if (existsSync(join(directory, name))) cpSync(join(directory, name), join(copy, name));
    }
    const db = new Database(join(copy, 'inbox.db'), { fileMustExist: true });
    const batch = db.prepare('select batch from sending').pluck().get() as string | undefined;
    db.close();
    if (batch === undefined) return 'idle';
    const instance = await DuckDBInstance.create(join(copy, 'warehouse.duckdb'));
    const connection = await instance.connect();
    const sql = 'select count(*)::integer from batches where batch = $batch';
    const found = await connection.runAndReadAll(sql, { batch });
    connection.closeSync();
    instance.closeSync();
    return found.getRows()[0]?.[0] === 0
      ? 'sent, not in the warehouse'
      : 'in the warehouse, not cleared';
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** True as soon as the running server has a batch on its way; looks through a reader of its own. */
export function openDrainWatch(directory: string): { isSending(): boolean; close(): void } {
  const db = new Database(join(directory, 'inbox.db'), { readonly: true, fileMustExist: true });
  const sending = db.prepare('select count(*) from sending').pluck();
  return { isSending: () => sending.get() === 1, close: () => db.close() };
}
