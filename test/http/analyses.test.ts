/** Analyses: run on everything acknowledged, kept, read again, run again; their SQL runs as it stands. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { analysisSchema } from '../../src/domain/analysis.ts';
import { handClock } from '../../src/runtime/clock.ts';
import { latestAnalysis } from '../../src/store/analyses.ts';
import { type Answer, openTestApp, type TestApp } from '../support/app.ts';
import {
  counter,
  DAY,
  dice,
  experimentBody,
  exposureEvent,
  HOUR,
  metricBody,
  outcomeEvent,
  START,
} from '../support/factories.ts';
import { pointersOf } from '../support/problem.ts';

const clock = handClock(START);
let app: TestApp;
let key: string;
const tests = counter();

beforeAll(async () => {
  app = await openTestApp({ clock });
});
afterAll(() => app.close());
beforeEach(() => {
  key = `exp-${tests()}`;
  clock.turnTo(START + 40 * DAY);
});

type Setting = {
  readonly fields?: Record<string, unknown>;
  readonly metric?: Record<string, unknown>;
  readonly startAt?: number;
};

/** A started experiment with one goal of its own. */
async function open({ fields = {}, metric = {}, startAt = START }: Setting = {}): Promise<void> {
  await app.call('PUT', `/v1/metrics/${key}`, metricBody({ event: key, ...metric }));
  const body = experimentBody({ metrics: { goals: [{ metric: key, mde: 0.02 }] }, ...fields });
  expect((await app.call('PUT', `/v1/experiments/${key}`, body)).status).toBe(201);
  expect((await app.call('POST', `/v1/experiments/${key}/start`, { at: startAt })).status).toBe(
    200,
  );
}

/** `perArm` units an arm that enter evenly over `days`, of which a share books an hour later. */
async function load(
  perArm: number,
  shares: Record<string, number>,
  days = 1,
  from = 0,
): Promise<void> {
  const events: Record<string, unknown>[] = [];
  for (const [variant, share] of Object.entries(shares)) {
    for (let index = 0; index < perArm; index += 1) {
      const units = { user: `${key}-${variant}-${from + index}` };
      const ts = START + Math.floor(((from + index) / (from + perArm)) * days * DAY);
      events.push(exposureEvent({ id: `${units.user}x`, ts, units, experiment: key, variant }));
      if (index < Math.round(perArm * share)) {
        events.push(
          outcomeEvent({
            id: `${units.user}o`,
            ts: ts + HOUR,
            units,
            name: key,
            value: 10 + (index % 7),
          }),
        );
      }
    }
  }
  await send(...events);
}
async function send(...events: Record<string, unknown>[]): Promise<void> {
  for (let start = 0; start < events.length; start += 10_000) {
    const { status, body } = await app.call('POST', '/v1/events', {
      events: events.slice(start, start + 10_000),
    });
    expect([status, body.rejected]).toEqual([202, []]);
  }
}
const analyse = (body: Record<string, unknown> = {}): Promise<Answer> =>
  app.call('POST', `/v1/experiments/${key}/analyses`, body);
const analysed = async (body: Record<string, unknown> = {}) => {
  const answer = await analyse(body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return analysisSchema.parse(answer.body);
};
const day = (days: number) => START + days * DAY;
const comparisonOf = (analysis: Awaited<ReturnType<typeof analysed>>) => {
  const comparison = analysis.metrics[0]?.comparisons[0];
  if (comparison === undefined) throw new Error('there is no comparison');
  return comparison;
};

describe('an analysis', () => {
  test('has the published shape, and is read again as it was made', async () => {
    await open();
    await load(300, { control: 0.2, challenger: 0.3 }, 6);
    const answer = await analyse({ asOf: '2026-01-15T00:00:00Z' });
    expect(answer.status).toBe(201);
    const analysis = analysisSchema.parse(answer.body);
    expect(analysis).toMatchObject({
      experiment: key,
      version: 1,
      asOf: '2026-01-15T00:00:00.000Z',
      units: { control: 300, challenger: 300 },
      counts: { assigned: 600, exposed: 600, triggered: null, crossover: 0 },
    });
    expect(comparisonOf(analysis)).toMatchObject({
      status: 'ok',
      n: 300,
      baselineN: 300,
      mean: 0.3,
      baselineMean: 0.2,
    });
    const path = `/v1/experiments/${key}/analyses`;
    expect(answer.headers.get('location')).toBe(`${path}/${analysis.id}`);
    for (const address of [`${path}/${analysis.id}`, `${path}/latest`]) {
      const { status, body } = await app.call('GET', address);
      expect([status, body]).toEqual([200, answer.body]);
    }
    const { body } = await app.call('GET', `${path}/latest?include=sql`);
    const { sql, ...rest } = body;
    expect(rest).toEqual(answer.body);
    expect(sql.length).toBeGreaterThan(3);
    pointersOf(
      await app.call('GET', `/v1/experiments/exp-1-of-another/analyses/${analysis.id}`),
      404,
      'not_found',
    );
  });

  test('is of its own experiment only', async () => {
    await open();
    const { id } = await analysed();
    const mine = key;
    key = `${key}-other`;
    await open();
    pointersOf(await app.call('GET', `/v1/experiments/${key}/analyses/${id}`), 404, 'not_found');
    expect((await app.call('GET', `/v1/experiments/${mine}/analyses/${id}`)).status).toBe(200);
  });

  test('holds everything that was acknowledged before it was asked for', async () => {
    await open();
    await load(50, { control: 0.2, challenger: 0.2 });
    const first = await analysed();
    expect(first.counts.exposed).toBe(100);
    await load(50, { control: 0.2, challenger: 0.2 }, 1, 50);
    const second = await analysed();
    expect(second.counts.exposed).toBe(200);
    expect(BigInt(second.watermark)).toBeGreaterThan(BigInt(first.watermark));
    expect(second.checks.find(({ id }) => id === 'complete')?.status).toBe('pass');
  });

  test('without any unit says so, as values and not as zeroes', async () => {
    await open();
    const analysis = await analysed();
    expect(analysis.units).toEqual({ control: 0, challenger: 0 });
    const comparison = comparisonOf(analysis);
    expect(comparison).toMatchObject({
      status: 'insufficient_data',
      verdict: 'not_enough_data',
      n: 0,
    });
    for (const field of ['mean', 'absolute', 'relative', 'p', 'sequential'])
      expect(comparison).not.toHaveProperty(field);
    expect(analysis.recommendation.action).toBe('continue');
  });

  test.each<[string, Setting, Record<string, number>, string]>([
    ['that everybody converts', {}, { control: 1, challenger: 1 }, 'zero_variance'],
    ['that nobody converts', {}, { control: 0, challenger: 0 }, 'zero_variance'],
  ])('says %s instead of dividing by zero', async (_what, setting, shares, status) => {
    await open(setting);
    await load(150, shares);
    const analysis = await analysed();
    expect(comparisonOf(analysis)).toMatchObject({ status, verdict: 'not_enough_data' });
    expect(analysis.recommendation.action).not.toBe('ship');
  });

  test('says that a baseline of zero has no relative change', async () => {
    await open();
    await load(150, { control: 0, challenger: 0.3 });
    const comparison = comparisonOf(await analysed());
    expect(comparison).toMatchObject({ status: 'ok', relativeStatus: 'zero_baseline' });
    expect(comparison.relative).toBeUndefined();
  });

  test('is refused before the start, of nothing, of the future, and beyond the data', async () => {
    pointersOf(await analyse(), 404, 'not_found');
    await app.call('PUT', `/v1/metrics/${key}`, metricBody());
    await app.call(
      'PUT',
      `/v1/experiments/${key}`,
      experimentBody({ metrics: { goals: [{ metric: key, mde: 1 }] } }),
    );
    pointersOf(await analyse(), 409, 'conflict');
    await app.call('POST', `/v1/experiments/${key}/start`, { at: START });
    expect(pointersOf(await analyse({ asOf: day(40) + 1 }), 400, 'invalid')).toEqual(['/asOf']);
    expect(pointersOf(await analyse({ watermark: '999999999999' }), 400, 'invalid')).toEqual([
      '/watermark',
    ]);
    expect(pointersOf(await analyse({ watermark: '-1' }), 400, 'invalid')).toEqual(['/watermark']);
    expect(pointersOf(await analyse({ watermark: 5 }), 400, 'invalid')).toEqual(['/watermark']);
    pointersOf(await app.call('GET', `/v1/experiments/${key}/analyses/latest`), 404, 'not_found');
  });

  test.each([START - DAY, START, '0001-01-01T00:00:00Z'])(
    'of a moment before there was anything is empty (%s)',
    async (asOf) => {
      await open();
      await load(20, { control: 1, challenger: 1 });
      const analysis = await analysed({ asOf });
      expect(analysis.counts.exposed).toBeLessThanOrEqual(2);
      expect(analysis.recommendation.action).toBe('continue');
      expect((await analysed({ watermark: '0' })).counts.exposed).toBe(0);
    },
  );

  test('asked for twice at once is two, with the same numbers', async () => {
    await open();
    await load(50, { control: 0.2, challenger: 0.4 });
    const asOf = day(20);
    const [one, two] = await Promise.all([analysed({ asOf }), analysed({ asOf })]);
    expect(one.id).not.toBe(two.id);
    expect({ ...one, id: '' }).toEqual({ ...two, id: '' });
  });

  test('is made once under an Idempotency-Key, though it takes its time', async () => {
    await open();
    const ask = () =>
      app.call(
        'POST',
        `/v1/experiments/${key}/analyses`,
        {},
        { headers: { 'idempotency-key': key } },
      );
    const answers = await Promise.all([ask(), ask(), ask()]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(latestAnalysis(app.platform.store, key)?.analysis.id).toBe(answers[0]?.body.id);
  });
});

describe('an analysis run again with its asOf and watermark', () => {
  const promised = ({
    units,
    counts,
    checks,
    metrics,
    recommendation,
    fingerprint,
    asOf,
    watermark,
  }: Awaited<ReturnType<typeof analysed>>) => ({
    units,
    counts,
    checks,
    metrics,
    recommendation,
    fingerprint,
    asOf,
    watermark,
  });
  const late = () =>
    [
      // Late arrivals of every kind, all of them before asOf in event time.
      exposureEvent({
        id: 'late',
        ts: START + HOUR,
        units: { user: `${key}-late` },
        experiment: key,
        variant: 'control',
      }),
      exposureEvent({
        id: 'crossing',
        ts: START + 2 * HOUR,
        units: { user: `${key}-control-0` },
        experiment: key,
        variant: 'challenger',
      }),
      outcomeEvent({
        id: 'late',
        ts: START + 3 * HOUR,
        units: { user: `${key}-control-9` },
        name: key,
        value: 99,
      }),
      outcomeEvent({
        id: 'undo',
        ts: START + 3 * HOUR,
        units: { user: `${key}-control-0` },
        name: key,
        corrects: `${key}-control-0o`,
      }),
    ].map((event) => ({ ...event, id: `${key}-${event.id}` }));

  test.each<[string, number]>([
    ['before the first look', 5],
    ['between two looks', 10],
    ['on a look', 14],
  ])(
    'gives the same, %s, after late events, a new version, a stop and months',
    async (_when, days) => {
      clock.turnTo(day(days));
      const plan = { plannedUnits: 1000, minDays: 1 };
      await open({ fields: { plan } });
      await load(150, { control: 0.2, challenger: 0.3 }, 4);
      const first = await analysed();
      await send(...late());
      expect(promised(await analysed())).not.toEqual(promised(first));
      await app.call(
        'PUT',
        `/v1/experiments/${key}`,
        experimentBody({ plan, name: 'renamed', metrics: { goals: [{ metric: key, mde: 0.02 }] } }),
      );
      clock.turnTo(day(days) + HOUR);
      await app.call('POST', `/v1/experiments/${key}/stop`, { reason: 'x' });
      clock.turnTo(day(200));
      const again = await analysed({ asOf: first.asOf, watermark: first.watermark });
      expect(promised(again)).toEqual(promised(first));
    },
  );

  test('gives the same after a restart', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'assay-rerun-'));
    const outer = app;
    app = await openTestApp({ clock, directory });
    await open();
    await load(150, { control: 0.2, challenger: 0.3 }, 4);
    const first = await analysed({ asOf: day(20) });
    await app.close();
    app = await openTestApp({ clock, directory });
    await send(...late());
    const again = await analysed({ asOf: first.asOf, watermark: first.watermark });
    await app.close();
    app = outer;
    rmSync(directory, { recursive: true, force: true });
    expect(promised(again)).toEqual(promised(first));
  });
});

describe('a look', () => {
  test('exactly at asOf counts its units once', async () => {
    await open({ fields: { plan: { plannedUnits: 1000 } } });
    await load(150, { control: 0.2, challenger: 0.2 }, 4);
    const on = await analysed({ asOf: day(7) });
    const after = await analysed({ asOf: day(7) + 1 });
    expect(on.looks.map(({ state, information }) => [state, information])).toEqual([
      ['done', 0.3],
      ['next', null],
      ['planned', null],
      ['planned', null],
    ]);
    expect(on.looks).toEqual(after.looks);
  });

  test.each([
    { window: { toHours: 1.1 } },
    { window: { toHours: 10.123_456_78 } },
    { maturityDays: 0.123_456_789 },
  ])('is reached though %j ends in the middle of a millisecond', async (metric) => {
    await open({ metric });
    await load(150, { control: 0.2, challenger: 0.2 }, 1);
    const { looks } = await analysed({ asOf: day(15) });
    expect(
      looks.filter(({ state }) => state === 'done').map(({ information }) => information),
    ).toEqual([0.3, 0.3]);
  });

  test('counts only units whose window is over, and waits for nobody', async () => {
    await open({ metric: { window: { toHours: 72 } } });
    await load(140, { control: 0.2, challenger: 0.2 }, 14);
    const { looks } = await analysed({ asOf: day(15) });
    // Units entered evenly over 14 days: of the first 4 and 11 days' units the window is over.
    expect(looks.slice(0, 2).map(({ information }) => information)).toEqual([0.082, 0.222]);
  });

  test('with next to no information still has finite numbers', async () => {
    await open({ fields: { plan: { plannedUnits: 1_000_000_000 } } });
    await load(3, { control: 0.34, challenger: 0.67 }, 1);
    const { looks, recommendation } = await analysed({ asOf: day(8) });
    expect(looks[0]?.bound).toBeGreaterThan(5);
    expect(recommendation.action).toBe('continue');
  });

  test('is not moved by a unit that crosses over after it', async () => {
    await open({ fields: { plan: { plannedUnits: 1000 } } });
    await load(300, { control: 0.2, challenger: 0.3 }, 4);
    const on = await analysed({ asOf: day(7) });
    await send(
      ...[0, 1, 2].map((index) =>
        exposureEvent({
          id: `${key}-c${index}`,
          ts: day(8),
          units: { user: `${key}-control-${index}` },
          experiment: key,
          variant: 'challenger',
        }),
      ),
    );
    const after = await analysed({ asOf: day(9) });
    expect(after.counts.crossover).toBe(3);
    expect(after.looks).toEqual(on.looks);
    expect(comparisonOf(after).sequential).toEqual(comparisonOf(on).sequential);
  });

  test('keeps its verdict until the next one', async () => {
    await open({ fields: { plan: { plannedUnits: 1000 } } });
    await load(150, { control: 0.2, challenger: 0.3 }, 4);
    const on = await analysed({ asOf: day(7) });
    const extra = Array.from({ length: 100 }, (_, index) =>
      outcomeEvent({
        id: `${key}-${index}`,
        ts: day(8),
        units: { user: `${key}-challenger-${50 + index}` },
        name: key,
      }),
    );
    await send(...extra);
    const after = await analysed({ asOf: day(9) });
    expect(comparisonOf(after).mean).toBeGreaterThan(comparisonOf(on).mean ?? 1);
    expect(comparisonOf(after).sequential).toEqual(comparisonOf(on).sequential);
    expect(comparisonOf(after).verdict).toBe(comparisonOf(on).verdict);
    const next = await analysed({ asOf: day(14) });
    expect(comparisonOf(next).sequential).not.toEqual(comparisonOf(on).sequential);
  });
});

describe('the recommendation', () => {
  test('is to ship what is clearly better at the last look, and not an hour before the first', async () => {
    await open({ fields: { plan: { plannedUnits: 800 } } });
    await load(400, { control: 0.2, challenger: 0.5 }, 1);
    const early = await analysed({ asOf: day(7) - HOUR });
    expect(early.recommendation.action).toBe('continue');
    const { recommendation } = await analysed({ asOf: day(7) });
    expect(recommendation).toMatchObject({ action: 'ship', variant: 'challenger' });
  });

  test('is to stop what clearly harms, before any look', async () => {
    await open({ fields: { plan: { plannedUnits: 1000 } } });
    await load(400, { control: 0.5, challenger: 0.1 }, 1);
    const { recommendation, checks } = await analysed({ asOf: day(2) });
    expect(checks.every(({ status }) => status !== 'fail')).toBe(true);
    expect(recommendation).toMatchObject({ action: 'stop_harm', variant: 'challenger' });
    expect(recommendation.reasons).toHaveLength(1);
  });

  test('is invalid when the split is broken, however good the numbers are', async () => {
    await open({ fields: { plan: { plannedUnits: 800 } } });
    await load(400, { control: 0.2, challenger: 0.5 }, 1);
    await load(300, { challenger: 0.5 }, 1, 400);
    const { recommendation, checks } = await analysed({ asOf: day(10) });
    expect(checks.find(({ id }) => id === 'srm')?.status).toBe('fail');
    expect(recommendation.action).toBe('invalid');
  });

  test('is to stop with both reasons when the split is broken and harm is clear', async () => {
    await open({ fields: { plan: { plannedUnits: 1000 } } });
    await load(300, { control: 0.6, challenger: 0.1 }, 1);
    await load(300, { control: 0.6 }, 1, 300);
    const { recommendation } = await analysed({ asOf: day(2) });
    expect(recommendation).toMatchObject({ action: 'stop_harm', variant: 'challenger' });
    expect(recommendation.reasons).toHaveLength(2);
  });

  test('is invalid when more than one unit in a hundred was seen in two variants', async () => {
    await open();
    await load(200, { control: 0.2, challenger: 0.2 }, 1);
    const crossing = (count: number) =>
      Array.from({ length: count }, (_, index) =>
        exposureEvent({
          id: `${key}-c${index}`,
          ts: day(2),
          units: { user: `${key}-control-${index}` },
          experiment: key,
          variant: 'challenger',
        }),
      );
    await send(...crossing(4));
    expect((await analysed()).recommendation.action).not.toBe('invalid');
    await send(...crossing(5));
    const { counts, recommendation } = await analysed();
    expect(counts).toMatchObject({ exposed: 400, crossover: 5 });
    expect(recommendation.action).toBe('invalid');
  });

  test('never rests on a guardrail that nobody measured', async () => {
    await app.call(
      'PUT',
      '/v1/metrics/silent',
      metricBody({ event: 'never-sent', direction: 'decrease' }),
    );
    await open({
      fields: {
        plan: { plannedUnits: 800 },
        metrics: {
          goals: [{ metric: key, mde: 0.02 }],
          guardrails: [{ metric: 'silent', margin: 0.5 }],
        },
      },
    });
    await load(400, { control: 0.2, challenger: 0.5 }, 1);
    const { recommendation, metrics } = await analysed({ asOf: day(30) });
    expect(metrics[1]?.comparisons[0]?.status).toBe('zero_variance');
    expect(recommendation.action).toBe('review');
  });

  test('of a stopped experiment is final once its last outcomes are in', async () => {
    clock.turnTo(day(5));
    await open({
      metric: { window: { toHours: 48 } },
      fields: { plan: { plannedUnits: 100_000, minDays: 1 } },
    });
    await load(400, { control: 0.2, challenger: 0.5 }, 4);
    await app.call('POST', `/v1/experiments/${key}/stop`, { reason: 'x' });
    clock.turnTo(day(40));
    expect((await analysed({ asOf: day(6) })).recommendation.action).toBe('continue');
    const settled = await analysed({ asOf: day(7) });
    expect(settled.looks.map(({ day: at, state }) => [at, state])).toEqual([[7, 'done']]);
    expect(settled.recommendation.action).toBe('ship');
    expect((await analysed({ asOf: day(39) })).recommendation.action).toBe('ship');
  });

  test.each(['always_valid', 'fixed'])(
    'under %s monitoring waits as long as it must',
    async (monitoring) => {
      // Always-valid intervals are tuned to what is planned; a fixed plan ends early when it is there.
      const plannedUnits = monitoring === 'fixed' ? 100_000 : 800;
      await open({ fields: { plan: { monitoring, plannedUnits, maxDays: 14 } } });
      await load(400, { control: 0.2, challenger: 0.5 }, 1);
      expect((await analysed({ asOf: day(6) })).recommendation.action).toBe('continue');
      const before = (await analysed({ asOf: day(13) })).recommendation.action;
      expect(before).toBe(monitoring === 'fixed' ? 'continue' : 'ship');
      expect((await analysed({ asOf: day(14) })).recommendation.action).toBe('ship');
    },
  );

  test('comes also when one unit was planned for three arms', async () => {
    await open({
      fields: {
        plan: { plannedUnits: 1 },
        variants: [
          { key: 'control', role: 'control' },
          { key: 'challenger', role: 'treatment' },
          { key: 'bold', role: 'treatment' },
        ],
      },
    });
    await load(120, { control: 0.2, challenger: 0.3, bold: 0.2 }, 1);
    expect((await analysed({ asOf: day(8) })).metrics[0]?.comparisons).toHaveLength(2);
  });
});

describe('the printed SQL', () => {
  test('runs as it stands on the file of the warehouse, and gives the same rows', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'assay-sql-'));
    const outer = app;
    app = await openTestApp({ clock, directory });
    key = "odd.key-'1".replace("'", '_');
    await app.call(
      'PUT',
      '/v1/metrics/nights',
      metricBody({
        kind: 'sum',
        value: "properties.night's $stay",
        event: "it's a $name \u0000 -- really",
      }),
    );
    await open({
      metric: { kind: 'conversion', window: { fromHours: 0, toHours: 48 } },
      fields: {
        metrics: { goals: [{ metric: key, mde: 0.02 }], secondary: [{ metric: 'nights' }] },
        variants: [
          { key: 'control', role: 'control' },
          { key: 'challenger', role: 'treatment' },
        ],
      },
    });
    await load(120, { control: 0.2, challenger: 0.3 }, 6);
    const random = dice(13);
    await send(
      ...Array.from({ length: 50 }, (_, index) =>
        outcomeEvent({
          id: `n${index}`,
          ts: day(6),
          units: { user: `${key}-control-${index}` },
          name: "it's a $name \u0000 -- really",
          properties: { "night's $stay": Math.round(random() * 1e9) / 1000 - 1000 },
        }),
      ),
    );
    const analysis = await analysed({ asOf: day(20) });
    const { body } = await app.call(
      'GET',
      `/v1/experiments/${key}/analyses/${analysis.id}?include=sql`,
    );
    const { moments } = latestAnalysis(app.platform.store, key)?.detail ?? { moments: [] };
    await app.close();
    app = outer;

    const instance = await DuckDBInstance.create(join(directory, 'warehouse.duckdb'), {
      access_mode: 'READ_ONLY',
    });
    const connection = await instance.connect();
    const found = new Map<string, Record<string, unknown>[]>();
    for (const { id, sql, rows, dialect, parameters } of body.sql) {
      expect(sql, id).not.toMatch(/\$[a-z_]+\b(?<!\$stay|\$name)/);
      expect(dialect).toMatch(/^duckdb 1\./);
      expect(Object.keys(parameters).length).toBeGreaterThan(0);
      const answer = (await connection.runAndReadAll(sql)).getRowObjects();
      expect(answer, id).toHaveLength(rows);
      found.set(id, answer);
    }
    connection.closeSync();
    instance.closeSync();
    rmSync(directory, { recursive: true, force: true });

    expect(found.get('units')?.map(({ arm, units }) => [arm, units])).toEqual([
      ['challenger', 120],
      ['control', 120],
    ]);
    expect(moments.map(({ metric }) => metric)).toContain(`${key}@look`);
    for (const { metric, variant, n, sum, sumOfSquares } of moments) {
      const row = found.get(`metric:${metric}`)?.find((one) => one.variant === variant) ?? {};
      const part = (name: string) => BigInt(String(row[name]));
      const squares =
        part('high_high') * 10n ** 24n + 2n * part('high_low') * 10n ** 12n + part('low_low');
      expect([row.n, row.total, `${squares}`], `${metric} ${variant}`).toEqual([
        n,
        sum,
        sumOfSquares,
      ]);
    }
    expect(
      BigInt(
        moments.find(({ metric, variant }) => metric === 'nights' && variant === 'control')?.sum ??
          0,
      ),
    ).not.toBe(0n);
  });
});
