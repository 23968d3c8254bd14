/** control.db: what is defined, decided and allowed. One writer. */
import Database from 'better-sqlite3';
import { readMigrations, readStatements } from '../runtime/sql.ts';
import {
  assertDurable,
  prepareSqlite,
  prepareStatements,
  type Statements,
} from '../runtime/sqlite.ts';

export type Store = {
  readonly statements: Statements;
  /** Runs `work` in one transaction: all of it is kept, or nothing. */
  transaction<Result>(work: () => Result): Result;
  assertDurable(): void;
  close(): void;
};

/** Opens (and creates) control.db; ':memory:' for tests. */
export function openStore(path: string): Store {
  const db = new Database(path);
  prepareSqlite(db, readMigrations('store'));
  const statements = prepareStatements(db, readStatements('store'));
  return {
    statements,
    transaction: (work) => db.transaction(work).immediate(),
    assertDurable: () => assertDurable(db),
    close: () => {
      db.close();
    },
  };
}
