/** control.db: what is defined, decided and allowed. One writer. */
import Database from 'better-sqlite3';
import { readySqlite, type SqliteFile } from '../runtime/sqlite.ts';

export type Store = SqliteFile;

/** Opens (and creates) control.db; ':memory:' for tests. */
export function openStore(path: string): Store {
  return readySqlite(new Database(path), 'store');
}
