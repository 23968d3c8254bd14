/** One row of a file to the events it stands for, or the sentence that says what is wrong with it. */
import { meets } from '../bucketing/targeting.ts';
import type { Cell, EventMapping, ImportMapping, TimeMapping } from '../domain/import-mapping.ts';
import { formatInstant, MS_PER_DAY, MS_PER_HOUR, parseInstant } from '../domain/time.ts';

export type FileRow = Readonly<Record<string, unknown>>;

/** A row that the mapping cannot read; `problem` names the column. */
export class RowProblem extends Error {}

/** The events of row `number` (1-based), in the wire's shape. Throws RowProblem. */
export function mapRow(mapping: ImportMapping, row: FileRow, number: number): unknown[] {
  const units = Object.fromEntries(
    Object.entries(mapping.units).map(([type, cell]) => [type, cellOf(cell, row, number)]),
  );
  const attributes = numbersRead(row);
  return mapping.events
    .filter((event) => event.when === undefined || meets(event.when, attributes))
    .map((event) => eventOf(event, units, row, number));
}

/** Every column a mapping names, to be checked against a file's header before the first row. */
export function columnsOf(mapping: ImportMapping): string[] {
  const columns = new Set<string>();
  const addTemplate = (template: string): void => {
    for (const [, name] of template.matchAll(/\{([^{}]+)\}/g)) {
      if (name !== undefined && name !== 'row') columns.add(name);
    }
  };
  const addCell = (cell: Cell | undefined): void => {
    if (typeof cell === 'string') addTemplate(cell);
    else if (cell !== undefined) columns.add(cell.column);
  };
  for (const cell of Object.values(mapping.units)) addCell(cell);
  for (const event of mapping.events) {
    addTemplate(event.id);
    if ('column' in event.ts) columns.add(event.ts.column);
    if (event.kind === 'exposure') {
      addTemplate(event.experiment);
      addCell(event.variant);
      for (const cell of Object.values(event.attributes ?? {})) addCell(cell);
    } else {
      addTemplate(event.name);
      addCell(event.value);
      for (const cell of Object.values(event.properties ?? {})) addCell(cell);
    }
  }
  return [...columns];
}

function eventOf(
  event: EventMapping,
  units: Readonly<Record<string, unknown>>,
  row: FileRow,
  number: number,
): unknown {
  const cells = (bag: Readonly<Record<string, Cell>>) =>
    Object.fromEntries(
      Object.entries(bag).map(([name, cell]) => [name, cellOf(cell, row, number)]),
    );
  const common = {
    kind: event.kind,
    id: filled(event.id, row, number),
    ts: formatInstant(timeOf(event.ts, row, number)),
    units,
  };
  if (event.kind === 'exposure') {
    return {
      ...common,
      experiment: filled(event.experiment, row, number),
      variant: cellOf(event.variant, row, number),
      ...(event.version === undefined ? {} : { version: event.version }),
      ...(event.attributes === undefined ? {} : { attributes: cells(event.attributes) }),
    };
  }
  return {
    ...common,
    name: filled(event.name, row, number),
    ...(event.value === undefined ? {} : { value: cellOf(event.value, row, number) }),
    ...(event.properties === undefined ? {} : { properties: cells(event.properties) }),
  };
}

function cellOf(cell: Cell, row: FileRow, number: number): unknown {
  if (typeof cell === 'string') return filled(cell, row, number);
  const text = textAt(row, cell.column);
  if (cell.values !== undefined) {
    if (Object.hasOwn(cell.values, text)) return cell.values[text];
    throw new RowProblem(
      `column ${cell.column}: "${text.slice(0, 100)}" is not among the mapped values`,
    );
  }
  switch (cell.as) {
    case 'text':
      return text;
    case 'number':
      return numberOf(text, cell.column);
    case 'boolean':
      return booleanOf(text, cell.column);
  }
}

function filled(template: string, row: FileRow, number: number): string {
  return template.replaceAll(/\{([^{}]+)\}/g, (_braces, name: string) =>
    name === 'row' ? String(number) : textAt(row, name),
  );
}

function textAt(row: FileRow, column: string): string {
  const value = Object.hasOwn(row, column) ? row[column] : undefined;
  if (value === undefined || value === null) throw new RowProblem(`column ${column} is missing`);
  return typeof value === 'string' ? value : String(value);
}

const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/;

function numberOf(text: string, column: string): number {
  if (!NUMBER.test(text))
    throw new RowProblem(`column ${column}: "${text.slice(0, 100)}" is not a number`);
  return Number(text);
}

/** Truth as 1 and 0, because it is a value to be counted. */
function booleanOf(text: string, column: string): number {
  const known: Readonly<Record<string, number>> = {
    true: 1,
    t: 1,
    yes: 1,
    '1': 1,
    false: 0,
    f: 0,
    no: 0,
    '0': 0,
  };
  const value = known[text.trim().toLowerCase()];
  if (value === undefined) {
    throw new RowProblem(`column ${column}: "${text.slice(0, 100)}" is neither true nor false`);
  }
  return value;
}

function timeOf(time: TimeMapping, row: FileRow, number: number): number {
  const shift = Math.round(time.plusHours * MS_PER_HOUR);
  if ('at' in time) {
    const step = Math.round((number - 1) * time.everySeconds * 1000);
    const wrap =
      time.wrapDays === undefined ? Number.POSITIVE_INFINITY : time.wrapDays * MS_PER_DAY;
    return time.at + Math.round(step % wrap) + shift;
  }
  const text = textAt(row, time.column);
  const instant = /^-?\d{11,}$/.test(text) ? Number(text) : parseInstant(text);
  if (instant === undefined) {
    throw new RowProblem(
      `column ${time.column}: "${text.slice(0, 100)}" is not RFC 3339 with a zone`,
    );
  }
  return instant + shift;
}

function numbersRead(row: FileRow): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'string' && NUMBER.test(value) ? Number(value) : value,
    ]),
  );
}
