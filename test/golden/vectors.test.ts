/**
 * The reference vectors: numbers computed by R and by mpmath, against ours. Loops over every file
 * of a folder (ASSAY_VECTORS, else ./vectors) and fails on a method without an adapter, on a case
 * that was not compared, and on an expected field that has no answer. Nothing is skipped but
 * remarks, which are no results.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Adapter, Fields, VectorCase } from './adapter.ts';
import { ADAPTERS } from './adapters.ts';

const FOLDER = resolve(process.env.ASSAY_VECTORS ?? join(import.meta.dirname, 'vectors'));
/** Below this a probability is compared by its logarithm: doubles lose digits there. */
const TINY = 1e-290;
/** The only expected fields without an answer: remarks, and a number that is given as wrong. */
const REMARKS = ['note', 'drop_missing_is_wrong', 'naive_lift_times_share'];

type VectorFile = {
  readonly method: string;
  readonly n_cases: number;
  readonly cases: readonly VectorCase[];
};

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

test('the folder holds vectors', () => {
  expect(files.length).toBeGreaterThan(0);
});

describe.each(files)('%s', (name) => {
  const file = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as VectorFile;
  const adapter = ADAPTERS[file.method];
  const compared = new Set<string>();

  test('its method is known and no case is missing', () => {
    expect(adapter, `no adapter for method "${file.method}"`).toBeDefined();
    expect(REMARKS).toEqual(expect.arrayContaining([...(adapter?.remarks ?? [])]));
    expect(file.cases.length).toBeGreaterThan(0);
    expect(file.cases.length).toBe(file.n_cases);
    expect(new Set(file.cases.map(({ id }) => id)).size).toBe(file.cases.length);
  });

  test.each(file.cases.map((testCase) => [testCase.id, testCase] as const))('%s', (_, testCase) => {
    if (adapter === undefined) throw new Error(`no adapter for method "${file.method}"`);
    const problems = compareCase(adapter, testCase);
    compared.add(testCase.id);
    expect(problems.join('\n')).toBe('');
  });

  test('every case was compared', () => {
    expect([...compared].sort()).toEqual(file.cases.map(({ id }) => id).sort());
  });
});

/** What differs in the case: every expected field but a remark must have its answer. */
function compareCase(adapter: Adapter, testCase: VectorCase): string[] {
  const answer = adapter.answer(testCase.input);
  const fields = Object.keys(testCase.expected).filter(
    (field) => !adapter.remarks?.includes(field),
  );
  if (fields.length === 0) return ['nothing to compare'];
  return fields.flatMap((field) =>
    compare(field, answer[field], testCase.expected[field], { adapter, testCase, field }),
  );
}

type Context = {
  readonly adapter: Adapter;
  readonly testCase: VectorCase;
  /** The innermost name on the path: what the number is. */
  readonly field: string;
};

/** What differs at one path; lists item by item, objects field by field. */
function compare(path: string, got: unknown, expected: unknown, context: Context): string[] {
  if (Array.isArray(expected)) {
    const items = Array.isArray(got) ? got : [got];
    if (items.length !== expected.length) return [`${path}: ${items.length} items`];
    return expected.flatMap((item, i) => compare(`${path}.${i}`, items[i], item, context));
  }
  // R writes a list of one item as a scalar.
  if (Array.isArray(got) && got.length === 1) return compare(path, got[0], expected, context);
  if (typeof expected !== 'object' || expected === null) {
    return compareValue(path, got ?? null, expected, context);
  }
  const parts = (got ?? {}) as Fields;
  return Object.entries(expected).flatMap(([field, value]) =>
    compare(`${path}.${field}`, parts[field], value, { ...context, field }),
  );
}

/** Null and absent both say: there is no such number. */
function compareValue(path: string, got: unknown, expected: unknown, context: Context): string[] {
  const isEqual =
    typeof expected === 'number' && typeof got === 'number'
      ? isClose(path, got, expected, context)
      : Object.is(got, expected);
  return isEqual ? [] : [difference(path, got, expected)];
}

function isClose(
  path: string,
  got: number,
  expected: number,
  { adapter, testCase, field }: Context,
): boolean {
  if (!Number.isFinite(got)) return false;
  const isProbability = field === 'value' || /^p($|_)/.test(field);
  if (isProbability && expected >= 0 && expected < TINY) return got >= 0 && got < 2 * TINY;
  const tolerance = adapter.tolerance?.(field, testCase, path) ?? { relative: 1e-9 };
  const { relative = 0, absolute = 0 } = tolerance;
  return Math.abs(got - expected) <= Math.max(absolute, relative * Math.abs(expected));
}

function difference(path: string, got: unknown, expected: unknown): string {
  const delta = typeof got === 'number' && typeof expected === 'number' ? got - expected : '';
  return `${path}: got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}, ${delta}`;
}
