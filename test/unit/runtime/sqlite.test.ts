import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseStatements, readMigrations, readStatements } from '../../../src/runtime/sql.ts';
import { assertDurable, prepareSqlite, prepareStatements } from '../../../src/runtime/sqlite.ts';

let directory: string;
let open: Database.Database[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'assay-sqlite-'));
  open = [];
});
afterEach(() => {
  for (const db of open) db.close();
  rmSync(directory, { recursive: true, force: true });
});

function openFile(name = 'a.db'): Database.Database {
  const db = new Database(join(directory, name));
  open.push(db);
  return db;
}
const first = { name: '0001_a.sql', sql: 'create table a (x integer) strict;' };
const second = {
  name: '0002_b.sql',
  sql: 'create table b (x integer) strict; insert into b values (1);',
};
const tablesOf = (db: Database.Database) =>
  db.prepare("select name from sqlite_master where type = 'table' order by name").pluck().all();

describe('a SQLite file', () => {
  test('survives power loss: WAL with synchronous FULL, foreign keys on', () => {
    const db = openFile();
    prepareSqlite(db, []);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.pragma('synchronous', { simple: true })).toBe(2);
    expect(db.pragma('foreign_keys', { simple: true })).toBe(1);
    expect(db.pragma('trusted_schema', { simple: true })).toBe(0);
    expect(db.pragma('mmap_size', { simple: true })).toBe(0);
  });

  test.each(['synchronous = normal', 'foreign_keys = off', 'journal_mode = delete'])(
    'is not called durable after %s',
    (pragma) => {
      const db = openFile();
      prepareSqlite(db, []);
      expect(() => assertDurable(db)).not.toThrow();
      db.pragma(pragma);
      expect(() => assertDurable(db)).toThrow(/must be/);
    },
  );
});

describe('migrations', () => {
  test('run once, in order, and a second start does nothing', () => {
    const db = openFile();
    prepareSqlite(db, [first]);
    prepareSqlite(db, [first, second]);
    prepareSqlite(db, [first, second]);
    expect(tablesOf(db)).toEqual(['a', 'b', 'migrations']);
    expect(db.prepare('select count(*) from b').pluck().get()).toBe(1);
    expect(db.prepare('select name from migrations order by name').pluck().all()).toEqual([
      first.name,
      second.name,
    ]);
  });

  test('refuse to start when one was edited after it ran', () => {
    const db = openFile();
    prepareSqlite(db, [first]);
    const edited = { ...first, sql: `${first.sql} -- a harmless remark` };
    expect(() => prepareSqlite(db, [edited])).toThrow(
      'migration 0001_a.sql was edited after it ran',
    );
    expect(() => prepareSqlite(db, [edited, second])).toThrow('edited');
    expect(tablesOf(db)).not.toContain('b');
  });

  test('refuse to start on the file of a newer Assay', () => {
    const db = openFile();
    prepareSqlite(db, [first, second]);
    expect(() => prepareSqlite(db, [first])).toThrow(/newer Assay \(0002_b\.sql\)/);
  });

  test('leave nothing behind when one fails', () => {
    const db = openFile();
    const broken = {
      name: '0002_b.sql',
      sql: 'create table b (x integer); insert into nowhere values (1);',
    };
    expect(() => prepareSqlite(db, [first, broken])).toThrow(/nowhere/);
    expect(tablesOf(db)).toEqual(['a', 'migrations']);
    prepareSqlite(db, [first, second]);
    expect(tablesOf(db)).toEqual(['a', 'b', 'migrations']);
  });

  test.each(['store', 'inbox'])(
    'of the %s run on an empty file, and every statement is prepared',
    (folder) => {
      const db = openFile();
      prepareSqlite(db, readMigrations(folder));
      prepareSqlite(db, readMigrations(folder));
      const statements = readStatements(folder);
      expect(statements.size).toBeGreaterThan(10);
      expect(() => prepareStatements(db, statements)).not.toThrow();
    },
  );
});

describe('named statements', () => {
  test('fail at the start when one has a typo', () => {
    const db = openFile();
    expect(() => prepareStatements(db, new Map([['a', 'selct 1']]))).toThrow(/syntax error/);
    expect(() => prepareStatements(db, new Map()).get('nothing')).toThrow(
      'no statement is named nothing',
    );
  });

  test('are read by their names, and no name is taken twice', () => {
    const text = '-- A remark.\n-- name: one\nselect 1\n\n-- name: two\n-- why\nselect 2\n';
    expect([...parseStatements(text)]).toEqual([
      ['one', 'select 1'],
      ['two', '-- why\nselect 2'],
    ]);
    expect(() => parseStatements(`${text}\n-- name: one\nselect 3`)).toThrow(
      'one is defined twice',
    );
  });

  test('take in the blocks they name', () => {
    const statements = readStatements('warehouse/duckdb');
    for (const [name, sql] of statements) expect(sql, name).not.toMatch(/-- include:/);
    expect(statements.get('conversion')).toContain('first_met as (');
  });
});
