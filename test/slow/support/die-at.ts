/**
 * A process that takes events in, drains them, and ends itself by SIGKILL at a chosen point. Points are
 * `inbox` and `warehouse` statements by their name in sql/, with `before`, `after` or `during`.
 */
import { writeSync } from 'node:fs';
import { DuckDBConnection, type DuckDBPreparedStatement } from '@duckdb/node-api';
import Database from 'better-sqlite3';
import { readStatements } from '../../../src/runtime/sql.ts';
import { makeLoad } from './load.ts';
import { openParts } from './parts.ts';

export type Death = {
  readonly directory: string;
  readonly load: { readonly seed: number; readonly events: number; readonly from: number };
  /** 'after inbox saveSending'; null: live to the end. */
  readonly point: string | null;
  /** How often the point is passed before. */
  readonly passes: number;
  /** For `during`: how long the statement may run. */
  readonly runsMs: number;
  /** Broken on purpose: the warehouse forgets which batches and events it has. */
  readonly forgetful?: boolean;
  /** Broken on purpose: rows leave the inbox before the warehouse has them. */
  readonly clearsFirst?: boolean;
};

const death = JSON.parse(process.argv[2] ?? '') as Death;
let passes = 0;

/** Ends this process here and now when it is the chosen point. */
function pass(point: string): void {
  if (point !== death.point) return;
  passes += 1;
  if (passes > death.passes) die();
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}

function dieDuring(point: string): void {
  if (point !== death.point) return;
  passes += 1;
  if (passes <= death.passes) return;
  const end = performance.now() + death.runsMs;
  while (performance.now() < end);
  die();
}

const say = (fact: Record<string, unknown>): void => {
  writeSync(1, `${JSON.stringify(fact)}\n`);
};

const namesOf = (folder: string) =>
  new Map([...readStatements(folder)].map(([name, sql]) => [sql, name]));

function watchInbox(): void {
  const names = namesOf('inbox');
  type Statement = { source: string; run(...bound: unknown[]): unknown };
  const db = new Database(':memory:');
  const statement = Object.getPrototypeOf(db.prepare('select 1')) as Statement;
  db.close();
  const { run } = statement;
  statement.run = function (this: Statement, ...bound) {
    const name = names.get(this.source) ?? this.source.toLowerCase();
    pass(`before inbox ${name}`);
    const result = run.apply(this, bound);
    pass(`after inbox ${name}`);
    return result;
  };
}

function watchWarehouse(): void {
  const names = namesOf('warehouse/duckdb');
  const nameOf = (sql: string) => names.get(sql) ?? sql;
  const preparedNames = new WeakMap<object, string>();
  const connection = DuckDBConnection.prototype;
  const { run, prepare } = connection;
  connection.run = function (sql, ...rest) {
    const name = nameOf(sql);
    pass(`before warehouse ${name}`);
    const running = run.call(this, sql, ...rest);
    dieDuring(`during warehouse ${name}`);
    return running.then((result) => {
      pass(`after warehouse ${name}`);
      return result;
    });
  };
  connection.prepare = async function (sql) {
    const prepared = await prepare.call(this, death.forgetful === true ? forgetting(sql) : sql);
    preparedNames.set(prepared, nameOf(sql));
    watchPrepared(prepared);
    return prepared;
  };

  function watchPrepared(prepared: DuckDBPreparedStatement): void {
    const name = preparedNames.get(prepared);
    const { runAndReadAll } = prepared;
    prepared.runAndReadAll = (...rest) => {
      pass(`before warehouse ${name}`);
      const running = runAndReadAll.apply(prepared, rest);
      dieDuring(`during warehouse ${name}`);
      return running.then((result) => {
        pass(`after warehouse ${name}`);
        return result;
      });
    };
  }
}

function forgetting(sql: string): string {
  return sql
    .replaceAll('e.id = s.id', 'e.id = s.id and false')
    .replaceAll('where batch = $batch', 'where batch = $batch and false');
}

watchInbox();
watchWarehouse();
const parts = await openParts(death.directory);
const load = makeLoad(death.load);
for (const [index, batch] of load.batches.entries()) {
  say({ event: 'sent', index });
  await parts.deliver(batch);
  pass('after inbox acknowledged');
  say({ event: 'acknowledged', index });
}
if (death.clearsFirst === true) {
  const batch = parts.inbox.nextBatch(() => 'batch-1', 1000);
  if (batch !== undefined) parts.inbox.clear(batch.id, []);
  pass('after inbox clear');
}
await parts.drain.drainNow();
say({ event: 'closing' });
await parts.close();
say({ event: 'closed' });
