/** `assay import`: files of events, or of rows that a mapping turns into events. Gzip by the file's name. */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { PassThrough, type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import progress from 'cli-progress';
import { parse as parseCsv } from 'csv-parse';
import { type ImportMapping, importMappingSchema } from '../domain/import-mapping.ts';
import { parse } from '../domain/parse.ts';
import { AppError } from '../domain/problem.ts';
import { UnreadableEvent } from '../engine/ingest.ts';
import { columnsOf, type FileRow, mapRow, RowProblem } from '../engine/map-row.ts';
import type { Deliver } from './deliver.ts';
import type { Terminal } from './terminal.ts';

export type ImportSummary = {
  readonly rows: number;
  readonly events: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly refused: ReadonlyMap<
    string,
    { readonly count: number; readonly examples: readonly string[] }
  >;
};

const EXAMPLES = 3;

/** Reads a mapping file; every mistake in it is named at once. */
export async function readMapping(path: string): Promise<ImportMapping> {
  const text = await readFile(path, 'utf8');
  try {
    return parse(importMappingSchema, JSON.parse(text));
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('invalid', `${path} is not valid JSON: ${(error as Error).message}`);
  }
}

export async function importFiles(options: {
  files: readonly string[];
  format: 'csv' | 'ndjson' | undefined;
  mapping: ImportMapping | undefined;
  batchSize: number;
  deliver: Deliver;
  terminal: Terminal;
}): Promise<ImportSummary> {
  const tally = new Tally();
  for (const file of options.files) await importFile(file, options, tally);
  return tally.summary();
}

async function importFile(
  file: string,
  options: Parameters<typeof importFiles>[0],
  tally: Tally,
): Promise<void> {
  const { mapping, batchSize, deliver, terminal } = options;
  const format = options.format ?? formatOf(file);
  if (format === 'csv' && mapping === undefined) {
    throw new AppError(
      'invalid',
      `${file}: a CSV file needs --mapping, which says what its columns are.`,
    );
  }
  const { size } = await stat(file).catch(() => {
    throw new AppError('not_found', `There is no file ${file}.`);
  });
  const bar = terminal.isInteractive
    ? new progress.SingleBar({ format: `${file} {bar} {percentage}% {eta_formatted} left` })
    : undefined;
  bar?.start(size, 0);
  let batch: unknown[] = [];
  let number = 0;
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    tally.add(await deliver(batch), batch.length);
    batch = [];
  };
  try {
    for await (const row of rowsOf(file, format, (bytes) => bar?.increment(bytes))) {
      number += 1;
      if (number === 1 && mapping !== undefined && !(row instanceof UnreadableEvent)) {
        refuseMissingColumns(file, mapping, row);
      }
      for (const event of eventsOf(row, mapping, number)) {
        batch.push(event);
        if (batch.length >= batchSize) await flush();
      }
    }
    await flush();
  } finally {
    bar?.stop();
  }
  tally.rows += number;
}

function eventsOf(
  row: FileRow | UnreadableEvent,
  mapping: ImportMapping | undefined,
  number: number,
): unknown[] {
  if (row instanceof UnreadableEvent || mapping === undefined) return [row];
  try {
    return mapRow(mapping, row, number);
  } catch (error) {
    if (!(error instanceof RowProblem)) throw error;
    return [new UnreadableEvent(JSON.stringify(row), `row ${number}: ${error.message}`)];
  }
}

async function* rowsOf(
  file: string,
  format: 'csv' | 'ndjson',
  onBytes: (bytes: number) => void,
): AsyncGenerator<FileRow | UnreadableEvent> {
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      onBytes(chunk.length);
      done(null, chunk);
    },
  });
  const inflate = file.endsWith('.gz') ? createGunzip() : new PassThrough();
  const failed: { error?: unknown } = {};
  const reading = pipeline(createReadStream(file), counted, inflate).catch((error: unknown) => {
    failed.error = error;
  });
  yield* format === 'csv' ? csvRows(inflate) : ndjsonRows(inflate);
  await reading;
  if (failed.error !== undefined) {
    throw new AppError('invalid', `${file} cannot be read to its end: ${String(failed.error)}`);
  }
}

async function* csvRows(input: Readable): AsyncGenerator<FileRow | UnreadableEvent> {
  const parser = parseCsv({
    columns: true,
    bom: true,
    skip_empty_lines: true,
    relax_column_count: true,
  });
  input.on('error', (error) => parser.destroy(error));
  for await (const row of input.pipe(parser)) yield row as FileRow;
}

async function* ndjsonRows(input: Readable): AsyncGenerator<FileRow | UnreadableEvent> {
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue;
    try {
      yield JSON.parse(line) as FileRow;
    } catch (error) {
      yield new UnreadableEvent(line, `the line is not valid JSON: ${(error as Error).message}`);
    }
  }
}

function refuseMissingColumns(file: string, mapping: ImportMapping, row: FileRow): void {
  const missing = columnsOf(mapping).filter((column) => !Object.hasOwn(row, column));
  if (missing.length === 0) return;
  const known = Object.keys(row).join(', ');
  throw new AppError('invalid', `${file} has no column ${missing.join(', ')}; it has ${known}.`);
}

function formatOf(file: string): 'csv' | 'ndjson' {
  const name = file.replace(/\.gz$/, '');
  if (/\.csv$/i.test(name)) return 'csv';
  if (/\.(ndjson|jsonl)$/i.test(name)) return 'ndjson';
  throw new AppError('invalid', `${file}: say --format csv or --format ndjson.`);
}

class Tally {
  rows = 0;
  private events = 0;
  private accepted = 0;
  private duplicates = 0;
  private readonly refused = new Map<string, { count: number; examples: string[] }>();

  add(receipt: Awaited<ReturnType<Deliver>>, sent: number): void {
    this.events += sent;
    this.accepted += receipt.accepted;
    this.duplicates += receipt.duplicates;
    for (const { code, id, detail } of receipt.rejected) {
      const known = this.refused.get(code) ?? { count: 0, examples: [] };
      known.count += 1;
      if (known.examples.length < EXAMPLES) {
        known.examples.push(id === null ? detail : `${id}: ${detail}`);
      }
      this.refused.set(code, known);
    }
  }

  summary(): ImportSummary {
    const { rows, events, accepted, duplicates, refused } = this;
    return { rows, events, accepted, duplicates, refused };
  }
}

/** The summary in words. */
export function describeImport(summary: ImportSummary, seconds: number): string {
  const refused = [...summary.refused.values()].reduce((sum, { count }) => sum + count, 0);
  const rate = Math.round(summary.events / Math.max(seconds, 0.001));
  const lines = [
    `${summary.rows} rows, ${summary.events} events in ${seconds.toFixed(1)} s (${rate} a second)`,
    `  accepted    ${summary.accepted}`,
    `  duplicates  ${summary.duplicates}`,
    `  refused     ${refused}`,
  ];
  for (const [code, { count, examples }] of summary.refused) {
    lines.push(`    ${code}: ${count}`, ...examples.map((example) => `      ${example}`));
  }
  return lines.join('\n');
}
