/** The embedded warehouse: one DuckDB file, one writer, many readers in this process. */
import {
  BIGINT,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBInstance,
  INTEGER,
  VARCHAR,
} from '@duckdb/node-api';
import type { AnalysisSql } from '../domain/analysis.ts';
import { toMicros } from '../domain/exact.ts';
import type { Clock } from '../runtime/clock.ts';
import { sha256 } from '../runtime/ids.ts';
import { type Migration, readMigrations, readStatements } from '../runtime/sql.ts';
import type {
  Answer,
  BatchReceipt,
  Enrolment,
  ExactSums,
  MetricQuestion,
  Warehouse,
  WarehouseRow,
} from './warehouse.ts';

type Parameter = string | number | bigint | boolean | null;
type Parameters = Readonly<Record<string, Parameter>>;
type Row = Readonly<Record<string, unknown>>;

const HIGH_LOW_SPLIT = 10n ** 12n;
const CHUNK_ROWS = 2048;
/** Of use where a window has no end: no two instants are further apart. */
const UNBOUNDED_MS = 1_000_000_000_000_000;

/** Opens (and creates) warehouse.duckdb; ':memory:' for tests. A second process is refused by DuckDB's lock. */
export async function openDuckdb(path: string, clock: Clock): Promise<Warehouse> {
  const instance = await DuckDBInstance.create(path, {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    enable_external_access: 'false',
  });
  const writer = await instance.connect();
  await migrate(writer, readMigrations('warehouse/duckdb'));
  const statements = readStatements('warehouse/duckdb');
  const statement = (name: string): string => {
    const sql = statements.get(name);
    if (sql === undefined) throw new RangeError(`no statement is named ${name}`);
    return sql;
  };
  await writer.run(statement('createStaging'));
  const version = (await query(writer, statement('engineVersion'), {}))[0];
  const name = `duckdb ${String(version?.version).replace(/^v/, '')}`;
  const reader = await instance.connect();

  const ask = async (id: string, sql: string, parameters: Parameters): Promise<Answer<Row[]>> => {
    const started = clock.monotonic();
    const rows = await query(reader, sql, parameters);
    const ms = Math.round((clock.monotonic() - started) * 10) / 10;
    return { value: rows, sql: describe(id, name, sql, parameters, rows.length, ms) };
  };

  let queue: Promise<unknown> = Promise.resolve();
  /** Writes one after the other; a failed one does not stop the next. */
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const turn = queue.then(work, work);
    queue = turn.catch(() => undefined);
    return turn;
  };

  return {
    name,
    insertBatch: (batch) => inTurn(() => insertBatch(writer, statement, batch)),
    async watermark() {
      const [row] = await query(reader, statement('lastSeq'), {});
      return BigInt(String(row?.seq ?? 0));
    },
    async hasExposures(experiment) {
      const [row] = await query(reader, statement('hasExposures'), { experiment });
      return Number(row?.found) > 0;
    },
    async arms(enrolment) {
      const answer = await ask('arms', statement('arms'), parametersOf(enrolment, ARMS));
      const units = new Map(enrolment.variants.map((variant) => [variant, 0]));
      let crossovers = 0;
      for (const row of answer.value) {
        if (row.crossed_over === true) crossovers += Number(row.units);
        else units.set(String(row.arm), Number(row.units));
      }
      return { value: { units, crossovers }, sql: answer.sql };
    },
    async strays(enrolment) {
      const answer = await ask('strays', statement('strays'), {
        ...parametersOf(enrolment, ARMS),
        as_of: BigInt(enrolment.asOf),
      });
      return {
        value: new Map(answer.value.map((row) => [String(row.reason), Number(row.events)])),
        sql: answer.sql,
      };
    },
    async exposureDays(enrolment) {
      const answer = await ask(
        'exposure_days',
        statement('exposureDays'),
        parametersOf(enrolment, ARMS),
      );
      return {
        value: answer.value.map((row) => ({
          day: Number(row.day),
          variant: String(row.variant),
          units: Number(row.units),
        })),
        sql: answer.sql,
      };
    },
    async matureUnits(enrolment, moments, maturityMs) {
      const answer = await ask('mature_units', statement('matureUnits'), {
        ...parametersOf(enrolment, ARMS),
        moments: JSON.stringify(moments),
        maturity: BigInt(maturityMs),
      });
      return {
        value: new Map(answer.value.map((row) => [Number(row.moment), Number(row.units)])),
        sql: answer.sql,
      };
    },
    async sums(enrolment, metric) {
      const { template, parameters } = metricTemplate(enrolment, metric);
      const answer = await ask('sums', statement(template), parameters);
      const sums = new Map(enrolment.variants.map((variant) => [variant, NO_SUMS]));
      for (const row of answer.value) sums.set(String(row.variant), exactSums(row));
      return { value: sums, sql: answer.sql };
    },
    async close() {
      await queue;
      reader.closeSync();
      writer.closeSync();
      instance.closeSync();
    },
  };
}

const NO_SUMS: ExactSums = { n: 0n, sum: 0n, sumOfSquares: 0n, events: 0n };
const ARMS = [
  'experiment',
  'unit_type',
  'variants',
  'version_from',
  'version_to',
  'external',
  'started_at',
  'entry_until',
  'watermark',
] as const;

function parametersOf(enrolment: Enrolment, names: readonly (typeof ARMS)[number][]): Parameters {
  const all: Record<(typeof ARMS)[number], Parameter> = {
    experiment: enrolment.experiment,
    unit_type: enrolment.unitType,
    variants: JSON.stringify(enrolment.variants),
    version_from: enrolment.versionFrom,
    version_to: enrolment.versionTo,
    external: enrolment.external,
    started_at: BigInt(enrolment.startedAt),
    entry_until: BigInt(enrolment.entryUntil),
    watermark: enrolment.watermark,
  };
  return Object.fromEntries(names.map((name) => [name, all[name]]));
}

/** Which statement answers a metric, and with what. */
function metricTemplate(
  enrolment: Enrolment,
  metric: MetricQuestion,
): { template: string; parameters: Parameters } {
  const parameters: Record<string, Parameter> = {
    ...parametersOf(enrolment, ARMS),
    as_of: BigInt(enrolment.asOf),
    event: metric.event,
    mature_until: BigInt(metric.matureUntil),
    window_from: BigInt(metric.windowFromMs),
    window_to: BigInt(Number.isFinite(metric.windowToMs) ? metric.windowToMs : UNBOUNDED_MS),
    outcomes_until: BigInt(metric.outcomesUntil),
  };
  if (metric.kind !== 'sum') return { template: metric.kind, parameters };
  if (metric.property === null) return { template: 'sum_of_value', parameters };
  parameters.value_pointer = `/${metric.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return { template: 'sum_of_property', parameters };
}

function exactSums(row: Row): ExactSums {
  const whole = (name: string): bigint => BigInt(String(row[name]));
  return {
    n: whole('n'),
    events: whole('events'),
    sum: whole('total'),
    sumOfSquares:
      whole('high_high') * HIGH_LOW_SPLIT ** 2n +
      2n * whole('high_low') * HIGH_LOW_SPLIT +
      whole('low_low'),
  };
}

async function insertBatch(
  connection: DuckDBConnection,
  statement: (name: string) => string,
  batch: { id: string; rows: readonly WarehouseRow[] },
): Promise<BatchReceipt> {
  await connection.run('begin transaction');
  try {
    const receipt =
      (await receiptOf(connection, statement, batch.id)) ??
      (await insertNew(connection, statement, batch));
    await connection.run('commit');
    return receipt;
  } catch (error) {
    await connection.run('rollback').catch(() => undefined);
    throw error;
  }
}

async function receiptOf(
  connection: DuckDBConnection,
  statement: (name: string) => string,
  batch: string,
): Promise<BatchReceipt | undefined> {
  const [row] = await query(connection, statement('batch'), { batch });
  if (row === undefined) return undefined;
  return {
    inserted: Number(row.inserted),
    duplicates: JSON.parse(String(row.duplicates)) as BatchReceipt['duplicates'],
  };
}

async function insertNew(
  connection: DuckDBConnection,
  statement: (name: string) => string,
  batch: { id: string; rows: readonly WarehouseRow[] },
): Promise<BatchReceipt> {
  await connection.run(statement('clearStaging'));
  await stage(connection, batch.rows);
  // The span of the batch bounds what the anti-join must read.
  const span = spanOf(batch.rows);
  const found = await query(connection, statement('duplicates'), span);
  const duplicates = found.map((row) => ({
    hour: Number(row.hour),
    source: String(row.source),
    count: Number(row.count),
  }));
  const [last] = await query(connection, statement('lastSeq'), {});
  const lastSeq = BigInt(String(last?.seq ?? 0));
  await query(connection, statement('insertNew'), { ...span, last_seq: lastSeq });
  const inserted =
    batch.rows.length - duplicates.reduce((sum, duplicate) => sum + duplicate.count, 0);
  await query(connection, statement('saveBatch'), {
    batch: batch.id,
    first_seq: lastSeq,
    inserted: BigInt(inserted),
    duplicates: JSON.stringify(duplicates),
  });
  return { inserted, duplicates };
}

function spanOf(rows: readonly WarehouseRow[]): { first_ts: bigint; last_ts: bigint } {
  let first = rows[0]?.ts ?? 0;
  let last = first;
  for (const { ts } of rows) {
    if (ts < first) first = ts;
    if (ts > last) last = ts;
  }
  return { first_ts: BigInt(first), last_ts: BigInt(last) };
}

const STAGING_TYPES = [
  BIGINT,
  VARCHAR,
  VARCHAR,
  VARCHAR,
  BIGINT,
  VARCHAR,
  VARCHAR,
  INTEGER,
  VARCHAR,
  VARCHAR,
  BIGINT,
  VARCHAR,
  VARCHAR,
  VARCHAR,
  VARCHAR,
  VARCHAR,
];

async function stage(connection: DuckDBConnection, rows: readonly WarehouseRow[]): Promise<void> {
  const appender = await connection.createAppender('staging', undefined, 'temp');
  for (let start = 0; start < rows.length; start += CHUNK_ROWS) {
    const chunk = DuckDBDataChunk.create(STAGING_TYPES);
    chunk.setRows(rows.slice(start, start + CHUNK_ROWS).map(stagingRow));
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

function stagingRow(row: WarehouseRow) {
  const {
    kind,
    units,
    experiment = null,
    version = null,
    variant = null,
    name = null,
    value,
    corrects = null,
    requestId = null,
    attributes,
    properties,
    ...details
  } = JSON.parse(row.body);
  const json = (content: unknown) => (content === undefined ? null : JSON.stringify(content));
  return [
    BigInt(row.ts),
    row.id,
    kind,
    row.source,
    BigInt(row.receivedAt),
    JSON.stringify(units),
    experiment,
    version,
    variant,
    name,
    value === undefined ? null : (toMicros(value) ?? null),
    corrects,
    requestId,
    json(attributes),
    json(properties),
    Object.keys(details).length === 0 ? null : JSON.stringify(details),
  ];
}

async function query(
  connection: DuckDBConnection,
  sql: string,
  parameters: Parameters,
): Promise<Row[]> {
  const prepared = await connection.prepare(sql);
  try {
    const used = Object.fromEntries(
      Object.entries(parameters).filter(([name]) => sql.includes(`$${name}`)),
    );
    if (Object.keys(used).length > 0) prepared.bind(used);
    return (await prepared.runAndReadAll()).getRowObjects();
  } finally {
    prepared.destroySync();
  }
}

/** The statement as a stranger can run it: every parameter written out as a literal. */
function describe(
  id: string,
  dialect: string,
  sql: string,
  parameters: Parameters,
  rows: number,
  ms: number,
): AnalysisSql {
  return {
    id,
    dialect,
    sql: sql.replaceAll(/\$([a-z_]+)/g, (_text, name: string) => literal(parameters[name] ?? null)),
    parameters: Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [
        name,
        typeof value === 'bigint' ? value.toString() : value,
      ]),
    ),
    rows,
    ms,
  };
}

function literal(value: Parameter): string {
  if (value === null) return 'null';
  // A statement ends at a NUL, so that one is spelt out.
  if (typeof value === 'string') {
    return `'${value.replaceAll("'", "''").replaceAll('\0', "' || chr(0) || '")}'`;
  }
  return String(value);
}

/** As in SQLite: each once, in a transaction, its text recorded; an edited one refuses the start. */
async function migrate(
  connection: DuckDBConnection,
  migrations: readonly Migration[],
): Promise<void> {
  await connection.run(
    'create table if not exists migrations (name varchar primary key, checksum varchar not null)',
  );
  const rows = await query(connection, 'select name, checksum from migrations', {});
  const done = new Map(rows.map((row) => [String(row.name), String(row.checksum)]));
  const known = new Set(migrations.map(({ name }) => name));
  for (const name of done.keys()) {
    if (!known.has(name)) throw new Error(`the warehouse was written by a newer Assay (${name})`);
  }
  for (const { name, sql } of migrations) {
    const checksum = sha256(sql);
    const before = done.get(name);
    if (before === checksum) continue;
    if (before !== undefined) throw new Error(`migration ${name} was edited after it ran`);
    await connection.run('begin transaction');
    await connection.run(sql);
    await query(connection, 'insert into migrations values ($name, $checksum)', { name, checksum });
    await connection.run('commit');
  }
}
