/** inbox.db: acknowledged events on their way to the warehouse. One writer. */
import Database from 'better-sqlite3';
import { readySqlite, type SqliteFile } from '../runtime/sqlite.ts';

export type InboxFile = SqliteFile;

/** Opens (and creates) inbox.db; ':memory:' for tests. */
export function openInboxFile(path: string): InboxFile {
  return readySqlite(new Database(path), 'inbox');
}

/** What SQLite says of a failed write: no room, a failed fsync, or something else. */
export function storageFault(error: unknown): 'full' | 'fsync' | undefined {
  const code = error instanceof Database.SqliteError ? error.code : undefined;
  if (code === 'SQLITE_IOERR_FSYNC' || code === 'SQLITE_IOERR_DIR_FSYNC') return 'fsync';
  return code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_WRITE' ? 'full' : undefined;
}
