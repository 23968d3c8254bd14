/** inbox.db: acknowledged events on their way to the warehouse. One writer. */
import Database from 'better-sqlite3';
import { readMigrations, readStatements } from '../runtime/sql.ts';
import {
  assertDurable,
  prepareSqlite,
  prepareStatements,
  type Statements,
} from '../runtime/sqlite.ts';

export type InboxFile = {
  readonly statements: Statements;
  transaction<Result>(work: () => Result): Result;
  assertDurable(): void;
  close(): void;
};

/** Opens (and creates) inbox.db; ':memory:' for tests. */
export function openInboxFile(path: string): InboxFile {
  const db = new Database(path);
  prepareSqlite(db, readMigrations('inbox'));
  const statements = prepareStatements(db, readStatements('inbox'));
  return {
    statements,
    transaction: (work) => db.transaction(work).immediate(),
    assertDurable: () => assertDurable(db),
    close: () => {
      db.close();
    },
  };
}

/** What SQLite says of a failed write: no room, a failed fsync, or something else. */
export function storageFault(error: unknown): 'full' | 'fsync' | undefined {
  const code = error instanceof Database.SqliteError ? error.code : undefined;
  if (code === 'SQLITE_IOERR_FSYNC' || code === 'SQLITE_IOERR_DIR_FSYNC') return 'fsync';
  return code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_WRITE' ? 'full' : undefined;
}
