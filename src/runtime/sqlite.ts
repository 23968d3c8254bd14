/**
 * What every SQLite file of Assay must hold, whoever opens it. better-sqlite3 falls back to synchronous
 * NORMAL under WAL, where an acknowledged commit can vanish at power loss: so FULL is set and asserted.
 */
import type Database from 'better-sqlite3';
import { sha256 } from './ids.ts';
import { type Migration, readMigrations, readStatements } from './sql.ts';

/** Older releases can corrupt the WAL when two connections check-point at once (fixed in 3.51.3). */
const SQLITE_MIN = '3.51.3';

const PRAGMAS = {
  journal_mode: 'wal',
  synchronous: 2,
  foreign_keys: 1,
  busy_timeout: 5000,
  wal_autocheckpoint: 1000,
  journal_size_limit: 67_108_864,
  trusted_schema: 0,
  cell_size_check: 1,
  mmap_size: 0,
} as const;

/** One SQLite file, ready: durable, migrated, its statements prepared. */
export type SqliteFile = {
  readonly statements: Statements;
  /** Runs `work` in one transaction: all of it is kept, or nothing. */
  transaction<Result>(work: () => Result): Result;
  assertDurable(): void;
  close(): void;
};

/** Makes a freshly opened database ready with the migrations and statements of `sql/FOLDER`. */
export function readySqlite(db: Database.Database, folder: 'store' | 'inbox'): SqliteFile {
  prepareSqlite(db, readMigrations(folder));
  return {
    statements: prepareStatements(db, readStatements(folder)),
    transaction: (work) => db.transaction(work).immediate(),
    assertDurable: () => assertDurable(db),
    close: () => {
      db.close();
    },
  };
}

/** Sets the pragmas, asserts that they hold, and brings the schema up to date. */
export function prepareSqlite(db: Database.Database, migrations: readonly Migration[]): void {
  refuseOldSqlite(db);
  for (const [name, value] of Object.entries(PRAGMAS)) db.pragma(`${name} = ${value}`);
  assertDurable(db);
  migrate(db, migrations);
}

/** Throws unless commits of this connection survive power loss. An in-memory database has no journal. */
export function assertDurable(db: Database.Database): void {
  for (const name of ['journal_mode', 'synchronous', 'foreign_keys'] as const) {
    const value = db.pragma(name, { simple: true });
    if (value === PRAGMAS[name] || (db.memory && name === 'journal_mode')) continue;
    throw new Error(`SQLite ${name} is ${String(value)}, must be ${PRAGMAS[name]}`);
  }
}

function refuseOldSqlite(db: Database.Database): void {
  const version = String(db.prepare('select sqlite_version() as version').pluck().get());
  const parts = (text: string) => text.split('.').map(Number);
  const [major = 0, minor = 0, patch = 0] = parts(version);
  const [needMajor = 0, needMinor = 0, needPatch = 0] = parts(SQLITE_MIN);
  const difference = major - needMajor || minor - needMinor || patch - needPatch;
  if (difference < 0) throw new Error(`SQLite ${version} is older than ${SQLITE_MIN}`);
}

/** Runs what is new, each in a transaction that also records it; an edited or unknown one refuses the start. */
function migrate(db: Database.Database, migrations: readonly Migration[]): void {
  db.exec(`create table if not exists migrations (
    name text primary key, checksum text not null
  ) strict, without rowid`);
  const done = new Map(
    db
      .prepare<[], { name: string; checksum: string }>('select name, checksum from migrations')
      .all()
      .map((row) => [row.name, row.checksum]),
  );
  const known = new Set(migrations.map(({ name }) => name));
  for (const name of done.keys()) {
    if (!known.has(name)) throw new Error(`${db.name} was written by a newer Assay (${name})`);
  }
  const record = db.prepare('insert into migrations (name, checksum) values (?, ?)');
  for (const { name, sql } of migrations) {
    const checksum = sha256(sql);
    const before = done.get(name);
    if (before === checksum) continue;
    if (before !== undefined) throw new Error(`migration ${name} was edited after it ran`);
    db.transaction(() => {
      db.exec(sql);
      record.run(name, checksum);
    }).immediate();
  }
}

type Row = Readonly<Record<string, unknown>>;
type Bound = Readonly<Record<string, string | number | bigint | null>>;

/** Named statements, prepared at the start so that a typo fails there and not at night. */
export type Statements = {
  get(name: string, bound?: Bound): Row | undefined;
  all(name: string, bound?: Bound): Row[];
  run(name: string, bound?: Bound): { changes: number };
};

export function prepareStatements(
  db: Database.Database,
  sql: ReadonlyMap<string, string>,
): Statements {
  const prepared = new Map([...sql].map(([name, text]) => [name, db.prepare<[Bound], Row>(text)]));
  const named = (name: string) => {
    const statement = prepared.get(name);
    if (statement === undefined) throw new RangeError(`no statement is named ${name}`);
    return statement;
  };
  return {
    get: (name, bound = {}) => named(name).get(bound),
    all: (name, bound = {}) => named(name).all(bound),
    run: (name, bound = {}) => ({ changes: named(name).run(bound).changes }),
  };
}
