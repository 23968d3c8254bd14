import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { openDuckdb } from '../../src/warehouse/duckdb.ts';
import { outcomeEvent, START } from '../support/factories.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'assay-duckdb-'));
  path = join(directory, 'warehouse.duckdb');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const openAndClose = async () => (await openDuckdb(path, systemClock)).close();
/** Runs statements on the file as a stranger would. */
async function tamper(...statements: string[]): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  let rows: unknown[][] = [];
  for (const statement of statements) rows = (await connection.runAndReadAll(statement)).getRows();
  connection.closeSync();
  instance.closeSync();
  return rows;
}

describe('the warehouse file', () => {
  test('is migrated once; a second start does nothing and keeps everything', async () => {
    const warehouse = await openDuckdb(path, systemClock);
    const { ts: _ts, id: _id, ...body } = outcomeEvent();
    await warehouse.insertBatch({
      id: 'b',
      rows: [{ ts: START, id: 'a', source: 's', receivedAt: START, body: JSON.stringify(body) }],
    });
    expect(warehouse.name).toMatch(/^duckdb \d+\.\d+\.\d+$/);
    await warehouse.close();
    const before = await tamper('select name, checksum from migrations order by name');
    await openAndClose();
    expect(await tamper('select name, checksum from migrations order by name')).toEqual(before);
    const again = await openDuckdb(path, systemClock);
    expect(await again.watermark()).toBe(1n);
    await again.close();
  });

  test('is refused when a migration was edited after it ran', async () => {
    await openAndClose();
    await tamper("update migrations set checksum = 'another' where name = '0001_init.sql'");
    await expect(openDuckdb(path, systemClock)).rejects.toThrow(
      'migration 0001_init.sql was edited after it ran',
    );
  });

  test('is refused when a newer Assay wrote it', async () => {
    await openAndClose();
    await tamper("insert into migrations values ('9999_future.sql', 'x')");
    await expect(openDuckdb(path, systemClock)).rejects.toThrow(/newer Assay \(9999_future\.sql\)/);
  });

  test('can be opened again after it was refused', async () => {
    await openAndClose();
    await tamper("insert into migrations values ('9999_future.sql', 'x')");
    await expect(openDuckdb(path, systemClock)).rejects.toThrow(/newer/);
    await tamper("delete from migrations where name = '9999_future.sql'");
    await openAndClose();
  });

  test('reads no file of this machine and loads no extension, whoever asks', async () => {
    const warehouse = await openDuckdb(path, systemClock);
    const enrolment = {
      experiment: "x'; copy (select 1) to '/tmp/assay-leak'; --",
      unitType: "user'] from read_csv('/etc/passwd') --",
      variants: ["a'b", '","x"'],
      versionFrom: 1,
      versionTo: 1,
      external: false,
      startedAt: START,
      entryUntil: START,
      asOf: START,
      watermark: 1n,
    };
    expect((await warehouse.arms(enrolment)).value.crossovers).toBe(0);
    await warehouse.close();
  });
});
