/**
 * Real experiments with published results: imported, and sent as events over HTTP in every order, batch size
 * and repetition. Counts are exact, estimates agree with R to 1e-9, p-values to 1e-6, and no order changes a byte.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { parse as parseCsv } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Analysis, Comparison } from '../../src/domain/analysis.ts';
import { fieller, momentsFromExactSums, normalUpperQuantile } from '../../src/stats/index.ts';
import { createRandom } from '../../src/stats/variates.ts';
import { latestAnalysis } from '../../src/store/analyses.ts';
import { openTestApp, type TestApp } from '../support/app.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DATA = join(ROOT, '..', 'shared', 'data');
const START = '2026-03-01T00:00:00Z';
const START_MS = Date.parse(START);
const AS_OF = '2026-05-15T00:00:00Z';
const DAY = 86_400_000;
const run = promisify(execFile);

type WireEvent = { kind: string; id: string; ts: number; units: { user: string } } & Record<
  string,
  unknown
>;
type Dataset = {
  readonly name: string;
  readonly file: string;
  readonly mapping: unknown;
  readonly metrics: Record<string, unknown>;
  readonly experiment: (key: string) => unknown;
  events(experiment: string, rows: readonly Record<string, string>[]): WireEvent[];
  readonly expected: Record<string, any>;
  check(analysis: Analysis, momentsOf: MomentsOf): void;
};
type MomentsOf = (metric: string, variant: string) => ReturnType<typeof momentsFromExactSums>;

const present = existsSync(DATA);
if (!present) console.log(`skipped: real data is not at ${DATA}`);

const plan = { monitoring: 'fixed', plannedUnits: 64_000, minDays: 7, maxDays: 28 };

const cookieCats = (): Dataset => {
  const ts = (row: number) => START_MS + ((row * 37_000) % (14 * DAY));
  const time = (plusHours: number) => ({ at: START, everySeconds: 37, wrapDays: 14, plusHours });
  const outcomes = [
    ['retention_1', 24, 'boolean'],
    ['retention_7', 168, 'boolean'],
    ['sum_gamerounds', 336, 'number'],
  ] as const;
  const expected = JSON.parse(readFileSync(join(DATA, 'cookie_cats', 'expected.json'), 'utf8'));
  return {
    name: 'cookie_cats',
    file: join(DATA, 'cookie_cats', 'cookie_cats.csv.gz'),
    mapping: {
      units: { user: '{userid}' },
      events: [
        {
          kind: 'exposure',
          id: 'exposure-{row}',
          experiment: 'cookie_cats',
          variant: '{version}',
          ts: time(0),
        },
        ...outcomes.map(([name, hours, as]) => ({
          kind: 'outcome',
          id: `${name}-{row}`,
          name,
          value: { column: name, as },
          ts: time(hours),
        })),
      ],
    },
    metrics: {
      retention_1: { kind: 'conversion', event: 'retention_1' },
      retention_7: {
        kind: 'conversion',
        event: 'retention_7',
        window: { toHours: 168 },
        maturityDays: 7,
      },
      sum_gamerounds: { kind: 'sum', event: 'sum_gamerounds' },
    },
    experiment: () => ({
      assignment: 'external',
      unit: 'user',
      variants: [
        { key: 'gate_30', role: 'control' },
        { key: 'gate_40', role: 'treatment' },
      ],
      metrics: {
        goals: [{ metric: 'retention_7', mde: 0.02 }],
        secondary: [{ metric: 'retention_1' }, { metric: 'sum_gamerounds' }],
      },
      plan,
    }),
    events: (experiment, rows) =>
      rows.flatMap((row, index) => {
        const units = { user: row.userid ?? '' };
        return [
          {
            kind: 'exposure',
            id: `exposure-${index + 1}`,
            ts: ts(index),
            units,
            experiment,
            variant: row.version,
          },
          ...outcomes.map(([name, hours, as]) => ({
            kind: 'outcome',
            id: `${name}-${index + 1}`,
            ts: ts(index) + hours * 3_600_000,
            units,
            name,
            value: as === 'boolean' ? (row[name] === 'TRUE' ? 1 : 0) : Number(row[name]),
          })),
        ];
      }),
    expected,
    check(analysis, momentsOf) {
      expect(analysis.units).toEqual({ gate_30: 44_700, gate_40: 45_489 });
      expect(analysis.counts).toEqual({
        assigned: 90_189,
        exposed: 90_189,
        triggered: null,
        crossover: 0,
      });
      const srm = analysis.checks.find((check) => check.id === 'srm');
      near(srm?.value, expected.srm_50_50.p, 1e-6);
      expectProportion(only(analysis, 'retention_1'), expected.retention_1);
      expectMeans(
        only(analysis, 'retention_7'),
        expected.retention_7_as_mean,
        momentsOf,
        'retention_7',
      );
      expectMeans(
        only(analysis, 'sum_gamerounds'),
        expected.sum_gamerounds,
        momentsOf,
        'sum_gamerounds',
      );
    },
  };
};

const hillstrom = (): Dataset => {
  const ts = (row: number) => START_MS + row * 13_000;
  const time = (plusHours: number) => ({ at: START, everySeconds: 13, plusHours });
  const arms: Record<string, string> = {
    'No E-Mail': 'none',
    'Mens E-Mail': 'mens',
    'Womens E-Mail': 'womens',
  };
  const outcomes = [
    ['visit', 24],
    ['conversion', 48],
    ['spend', 48],
  ] as const;
  const expected = JSON.parse(readFileSync(join(DATA, 'hillstrom', 'expected.json'), 'utf8'));
  return {
    name: 'hillstrom',
    file: join(DATA, 'hillstrom', 'hillstrom.csv.gz'),
    mapping: {
      units: { user: 'h{row}' },
      events: [
        {
          kind: 'exposure',
          id: 'exposure-{row}',
          experiment: 'hillstrom',
          variant: { column: 'segment', values: arms },
          ts: time(0),
        },
        ...outcomes.map(([name, hours]) => ({
          kind: 'outcome',
          id: `${name}-{row}`,
          name,
          value: { column: name, as: 'number' },
          when: { attribute: name, op: 'gt', value: 0 },
          ts: time(hours),
        })),
      ],
    },
    metrics: {
      visit: { kind: 'conversion', event: 'visit' },
      conversion: { kind: 'count', event: 'conversion' },
      spend: { kind: 'sum', event: 'spend', unitLabel: 'USD' },
    },
    experiment: () => ({
      assignment: 'external',
      unit: 'user',
      variants: [
        { key: 'none', role: 'control' },
        { key: 'mens', role: 'treatment' },
        { key: 'womens', role: 'treatment' },
      ],
      metrics: {
        goals: [{ metric: 'visit', mde: 0.05 }],
        secondary: [{ metric: 'conversion' }, { metric: 'spend' }],
      },
      plan,
    }),
    events: (experiment, rows) =>
      rows.flatMap((row, index) => {
        const units = { user: `h${index + 1}` };
        const variant = arms[row.segment ?? ''];
        return [
          {
            kind: 'exposure',
            id: `exposure-${index + 1}`,
            ts: ts(index),
            units,
            experiment,
            variant,
          },
          ...outcomes
            .filter(([name]) => Number(row[name]) > 0)
            .map(([name, hours]) => ({
              kind: 'outcome',
              id: `${name}-${index + 1}`,
              ts: ts(index) + hours * 3_600_000,
              units,
              name,
              value: Number(row[name]),
            })),
        ];
      }),
    expected,
    check(analysis, momentsOf) {
      expect(analysis.units).toEqual({ none: 21_306, mens: 21_307, womens: 21_387 });
      near(analysis.checks.find((check) => check.id === 'srm')?.value, expected.srm_third.p, 1e-6);
      for (const [variant, pair] of [
        ['mens', expected.mens_vs_none],
        ['womens', expected.womens_vs_none],
      ] as const) {
        expectProportion(of(analysis, 'visit', variant), pair.visit);
        expectProportion(of(analysis, 'conversion', variant), pair.conversion);
        expectMeans(of(analysis, 'spend', variant), pair.spend, momentsOf, 'spend');
      }
    },
  };
};

describe.skipIf(!present).each([cookieCats, hillstrom])('%o', (make) => {
  const data = present ? make() : (undefined as never);
  const rows = present ? readCsv(data.file) : [];
  const results = new Map<string, string>();
  let scratch: string;

  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'assay-real-'));
  });
  afterAll(() => {
    rmSync(scratch, { recursive: true, force: true });
  });

  test(`${data?.name} imported by the command agrees with R`, async () => {
    const directory = join(scratch, 'imported');
    const mapping = join(scratch, 'mapping.json');
    writeFileSync(mapping, JSON.stringify(data.mapping));
    const app = await openTestApp({ directory });
    await define(app, data, data.name);
    await app.close();
    const printed = await assayImport(directory, data.file, '--mapping', mapping);
    expect(printed).toContain(`accepted    ${data.events(data.name, rows).length}\n`);
    expect(printed).toContain('refused     0');
    const again = await assayImport(directory, data.file, '--mapping', mapping);
    expect(again).toContain('accepted    0\n');
    const back = await openTestApp({ directory });
    const analysis = await analyze(back, data.name);
    data.check(analysis, momentsOf(back, data.name));
    results.set('import', metricsText(analysis));
    await back.close();
  });

  test(`${data?.name} over HTTP in any order, batch size and repetition gives the same bytes`, async () => {
    const events = data.events(data.name, rows);
    const seeds = { inOrder: 0, shuffled: 20_260_301 };
    for (const batch of [100, 10_000]) {
      for (const [order, seed] of Object.entries(seeds)) {
        if (batch === 100 && order === 'inOrder') continue;
        const app = await openTestApp();
        await define(app, data, data.name);
        const first = seed === 0 ? events : shuffled(events, seed);
        const accepted = await send(app, first, batch);
        expect(accepted).toBe(events.length);
        // Twice more, in other orders; the last time when the inbox is empty.
        const repeats = batch === 100 ? [events] : [shuffled(events, 7), shuffled(events, 8)];
        for (const [index, repeat] of repeats.entries()) {
          if (index === repeats.length - 1) {
            await app.platform.drain.drainNow();
            expect(app.platform.inbox.waiting()).toBe(0);
          }
          await send(app, repeat, 10_000);
        }
        const analysis = await analyze(app, data.name);
        data.check(analysis, momentsOf(app, data.name));
        const totals = app.platform.inbox.totals();
        expect(totals.accepted).toBe(events.length);
        expect(totals.received).toBe(totals.accepted + totals.duplicate + totals.refused);
        results.set(`http ${batch} ${order}`, metricsText(analysis));
        if (batch === 10_000 && order === 'shuffled') {
          const directory = app.directory;
          const file = join(scratch, 'resend.ndjson');
          writeFileSync(file, events.map((event) => JSON.stringify(event)).join('\n'));
          const summary = await importInto(app, file);
          expect(summary).toContain('accepted');
          const after = await analyze(app, data.name);
          results.set('resend by import', metricsText(after));
          expect(app.platform.inbox.totals().accepted).toBe(events.length);
          expect(directory).toBe(app.directory);
        }
        await app.close();
      }
    }
    expect(new Set(results.values()).size).toBe(1);
    console.log(
      `${data.name}: ${events.length} events, identical metric results from: ${[...results.keys()].join('; ')}`,
    );
  });

  test(`${data?.name} sample of 5,000 units one event a request equals the same in batches`, async () => {
    const sample = data.events('sample', rows.slice(0, 5000));
    const texts: string[] = [];
    for (const batch of [1, 100, 10_000]) {
      const app = await openTestApp();
      await define(app, data, 'sample');
      expect(await send(app, shuffled(sample, batch), batch)).toBe(sample.length);
      await send(app, sample, 1000);
      texts.push(metricsText(await analyze(app, 'sample')));
      await app.close();
    }
    expect(new Set(texts).size).toBe(1);
  });
});

async function define(app: TestApp, data: Dataset, key: string): Promise<void> {
  for (const [metric, body] of Object.entries(data.metrics)) {
    expect((await app.call('PUT', `/v1/metrics/${metric}`, body)).status).toBe(201);
  }
  expect((await app.call('PUT', `/v1/experiments/${key}`, data.experiment(key))).status).toBe(201);
  expect((await app.call('POST', `/v1/experiments/${key}/start`, { at: START })).status).toBe(200);
}

/** Sends with a few requests in flight; the number of newly accepted events. */
async function send(app: TestApp, events: readonly WireEvent[], batch: number): Promise<number> {
  let accepted = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < events.length) {
      const part = events.slice(next, next + batch);
      next += batch;
      const answer = await app.call('POST', '/v1/events', { events: part });
      expect(answer.status).toBe(202);
      accepted += answer.body.accepted;
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return accepted;
}

async function analyze(app: TestApp, key: string): Promise<Analysis> {
  const answer = await app.call('POST', `/v1/experiments/${key}/analyses`, { asOf: AS_OF });
  expect(answer.status).toBe(201);
  return answer.body as Analysis;
}

async function assayImport(directory: string, ...words: string[]): Promise<string> {
  const { stdout } = await run('node', ['--import', 'tsx', 'src/main.ts', 'import', ...words], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ASSAY_DATA: directory, ASSAY_ENVIRONMENT: 'test' },
  });
  return stdout;
}

async function importInto(app: TestApp, file: string): Promise<string> {
  const { stdout } = await run(
    'node',
    [
      '--import',
      'tsx',
      'src/main.ts',
      'import',
      file,
      '--url',
      app.url,
      '--key',
      'test-client-key-of-thirty-two-characters',
    ],
    { cwd: ROOT, env: { PATH: process.env.PATH } },
  );
  return stdout;
}

function momentsOf(app: TestApp, key: string): MomentsOf {
  const stored = latestAnalysis(app.platform.store, key);
  return (metric, variant) => {
    const row = stored?.detail.moments.find(
      (entry) => entry.metric === metric && entry.variant === variant,
    );
    if (row === undefined) throw new Error(`no moments of ${metric} ${variant}`);
    return momentsFromExactSums({
      n: Number(row.n),
      sum: BigInt(row.sum),
      sumOfSquares: BigInt(row.sumOfSquares),
      scale: 1_000_000n,
    });
  };
}

function metricsText(analysis: Analysis): string {
  return JSON.stringify([
    analysis.units,
    analysis.counts,
    analysis.checks,
    analysis.metrics,
    analysis.recommendation,
  ]);
}

function only(analysis: Analysis, metric: string): Comparison {
  const [comparison, ...others] =
    analysis.metrics.find((row) => row.metric === metric)?.comparisons ?? [];
  if (comparison === undefined || others.length > 0)
    throw new Error(`one comparison of ${metric} was expected`);
  return comparison;
}

function of(analysis: Analysis, metric: string, variant: string): Comparison {
  const found = analysis.metrics
    .find((row) => row.metric === metric)
    ?.comparisons.find((comparison) => comparison.variant === variant);
  if (found === undefined) throw new Error(`${metric} of ${variant} is missing`);
  return found;
}

/** R's `means()`: Welch, and Fieller with the normal quantile. */
function expectMeans(
  got: Comparison,
  want: Record<string, any>,
  moments: MomentsOf,
  metric: string,
): void {
  expect(got.n).toBe(want.treatment.n);
  expect(got.baselineN).toBe(want.control.n);
  near(got.mean, want.treatment.mean, 1e-9);
  near(got.baselineMean, want.control.mean, 1e-9);
  near(got.absolute?.estimate, want.diff, 1e-9);
  near(got.absolute?.se, want.se, 1e-9);
  near(got.p, want.p_welch, 1e-6);
  near(got.relative?.estimate, want.rel_lift, 1e-9);
  if (got.absolute?.level === 0.95) {
    near(got.absolute.lower, want.ci95_welch[0], 1e-9);
    near(got.absolute.upper, want.ci95_welch[1], 1e-9);
  }
  // The reference takes the normal quantile, the product the t quantile of its p-value (decision 4):
  // the same formula on the same moments must give the reference, and the product's own bounds.
  const control = moments(metric, got.baseline);
  const treatment = moments(metric, got.variant);
  near(control.m2 / (control.n - 1), want.control.var, 1e-9);
  near(treatment.m2 / (treatment.n - 1), want.treatment.var, 1e-9);
  const normal = fieller(control, treatment, { criticalValue: normalUpperQuantile(0.025) });
  if (normal.status !== 'ok') throw new Error(normal.status);
  near(normal.lower, want.rel_ci95_fieller[0], 1e-9);
  near(normal.upper, want.rel_ci95_fieller[1], 1e-9);
  const width = want.rel_ci95_fieller[1] - want.rel_ci95_fieller[0];
  if (got.absolute?.level === 0.95) {
    expect(Math.abs((got.relative?.lower ?? 9) - want.rel_ci95_fieller[0])).toBeLessThan(
      1e-4 * width,
    );
    expect(Math.abs((got.relative?.upper ?? 9) - want.rel_ci95_fieller[1])).toBeLessThan(
      1e-4 * width,
    );
  }
}

/** R's `props()` treats rates as binomial; Welch on 0/1 values shares its counts, difference and lift. */
function expectProportion(got: Comparison, want: Record<string, any>): void {
  expect(got.n).toBe(want.treatment.n);
  expect(got.baselineN).toBe(want.control.n);
  expect(Math.round((got.mean ?? 0) * got.n)).toBe(want.treatment.conversions);
  expect(Math.round((got.baselineMean ?? 0) * got.baselineN)).toBe(want.control.conversions);
  near(got.mean, want.treatment.rate, 1e-9);
  near(got.absolute?.estimate, want.diff, 1e-9);
  near(got.relative?.estimate, want.rel_lift, 1e-9);
}

function near(got: number | null | undefined, want: number, tolerance: number): void {
  if (got === null || got === undefined) throw new Error(`nothing where ${want} was expected`);
  const error = Math.abs(got - want) / Math.abs(want);
  if (!(error <= tolerance)) {
    throw new Error(
      `got ${got}, expected ${want}, relative error ${error}, tolerance ${tolerance}`,
    );
  }
}

function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  const random = createRandom(seed);
  const result = [...items];
  for (let i = result.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random.uniform() * (i + 1));
    [result[i], result[j]] = [result[j] as Item, result[i] as Item];
  }
  return result;
}

function readCsv(file: string): Record<string, string>[] {
  return parseCsv(gunzipSync(readFileSync(file)), { columns: true });
}
