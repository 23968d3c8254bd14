/**
 * The reference vectors: numbers computed by R and by mpmath, against ours. Loops over every file
 * of a folder (ASSAY_VECTORS, else ./vectors) and fails on a method without an adapter, on a case
 * that was not compared, and on an expected field that has no answer.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ADAPTERS, type Adapter, type VectorCase } from './adapters.ts';

const FOLDER = resolve(process.env.ASSAY_VECTORS ?? join(import.meta.dirname, 'vectors'));
/** Below this a probability is compared by its logarithm: doubles lose digits there. */
const TINY = 1e-290;

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

  test('its method is known and no case is missing', () => {
    expect(adapter, `no adapter for method "${file.method}"`).toBeDefined();
    expect(file.cases.length).toBeGreaterThan(0);
    expect(file.cases.length).toBe(file.n_cases);
    expect(new Set(file.cases.map(({ id }) => id)).size).toBe(file.cases.length);
  });

  test.each(file.cases.map((testCase) => [testCase.id, testCase] as const))('%s', (_, testCase) => {
    if (adapter === undefined) throw new Error(`no adapter for method "${file.method}"`);
    const { compared, problems } = compareCase(adapter, testCase);
    expect(problems.join('\n')).toBe('');
    expect(compared).toBeGreaterThan(0);
  });
});

type Comparison = { readonly compared: number; readonly problems: readonly string[] };

function compareCase(adapter: Adapter, testCase: VectorCase): Comparison {
  const answer = adapter.answer(testCase.input);
  const fields = Object.keys(testCase.expected).filter(
    (field) => !adapter.notOffered?.includes(field),
  );
  const problems = fields.flatMap((field) =>
    // Null and absent both say: there is no such number.
    compare(field, answer[field] ?? null, testCase.expected[field], {
      adapter,
      testCase,
      field,
    }),
  );
  return { compared: fields.length, problems };
}

type Context = {
  readonly adapter: Adapter;
  readonly testCase: VectorCase;
  readonly field: string;
};

/** What differs in one field; lists item by item. */
function compare(path: string, got: unknown, expected: unknown, context: Context): string[] {
  if (Array.isArray(expected)) {
    const items = Array.isArray(got) ? got : [got];
    if (items.length !== expected.length) return [`${path}: ${items.length} items`];
    return expected.flatMap((item, i) => compare(`${path}.${i}`, items[i], item, context));
  }
  // R writes a list of one item as a scalar.
  if (Array.isArray(got) && got.length === 1) return compare(path, got[0], expected, context);
  if (typeof expected !== 'number' || typeof got !== 'number') {
    return Object.is(got, expected) ? [] : [difference(path, got, expected)];
  }
  return isClose(got, expected, context) ? [] : [difference(path, got, expected)];
}

function isClose(got: number, expected: number, { adapter, testCase, field }: Context): boolean {
  if (!Number.isFinite(got)) return false;
  const isProbability = field === 'value' || /^p($|_)/.test(field);
  if (isProbability && expected >= 0 && expected < TINY) return got >= 0 && got < 2 * TINY;
  const tolerance = adapter.tolerance?.(field, testCase) ?? { relative: 1e-9 };
  const { relative = 0, absolute = 0 } = tolerance;
  return Math.abs(got - expected) <= Math.max(absolute, relative * Math.abs(expected));
}

function difference(path: string, got: unknown, expected: unknown): string {
  const delta = typeof got === 'number' && typeof expected === 'number' ? got - expected : '';
  return `${path}: got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}, ${delta}`;
}
