import { describe, expect, test } from 'vitest';
import {
  GUARDRAIL_AXIS,
  intervalBar,
  liftAxis,
  type MeasureRow,
  measureChart,
  stepChart,
} from '../../src/http/view/charts.ts';

const around = (estimate: number, half: number) => ({
  estimate,
  lower: estimate - half,
  upper: estimate + half,
});

describe('the axis of a section', () => {
  test('is symmetric, has zero in the middle and rounds its labels', () => {
    const axis = liftAxis([around(-0.012, 0.015), around(0.021, 0.007)]);
    expect(axis.min).toBeCloseTo(-axis.max, 12);
    expect(axis.ticks.map(({ label }) => label)).toEqual(['−3%', '−1.5%', '0', '+1.5%', '+3%']);
    expect(axis.ticks.map(({ x }) => x)).toEqual([12.5, 31.3, 50, 68.8, 87.5]);
  });

  test('is not flattened by one wild interval', () => {
    const calm = Array.from({ length: 9 }, () => around(0, 0.01));
    expect(liftAxis([...calm, around(5, 20)]).max).toBeLessThan(0.05);
  });

  test('stands without any interval', () => {
    expect(liftAxis([]).ticks).toHaveLength(5);
  });
});

describe('an interval bar', () => {
  const axis = { min: -0.04, max: 0.04, ticks: [] };

  test('is drawn in per cent of its cell', () => {
    expect(intervalBar(axis, { estimate: -0.012, lower: -0.027, upper: 0.003 })).toEqual({
      zero: 50,
      limit: null,
      band: { x: 16.3, width: 37.5 },
      tick: 35,
      reach: null,
      clipLow: false,
      clipHigh: false,
    });
  });

  test('past an edge is cut there and says so', () => {
    const bar = intervalBar(axis, { estimate: 0.05, lower: 0.01, upper: 0.09 });
    expect(bar).toMatchObject({
      clipLow: false,
      clipHigh: true,
      tick: null,
      band: { x: 62.5, width: 37.5 },
    });
  });

  test('wholly past an edge keeps a stub', () => {
    const bar = intervalBar(axis, { estimate: -5, lower: -6, upper: -4 });
    expect(bar).toMatchObject({ clipLow: true, tick: null, band: { x: 0, width: 3 } });
  });

  test('of no width can still be seen', () => {
    expect(intervalBar(axis, around(0.01, 0)).band?.width).toBeGreaterThan(0);
  });

  test('of a guardrail stands in units of its limit', () => {
    const bar = intervalBar(GUARDRAIL_AXIS, around(-0.35, 0.85), { limit: -1 });
    expect(bar.limit).toBe(29.4);
    expect(bar.zero).toBe(58.8);
    expect(bar.band).toEqual({ x: 23.5, width: 50 });
  });

  test('shows the interval that decides, never outside the cell', () => {
    const bar = intervalBar(axis, around(0, 0.01), { reach: { lower: -1, upper: 0.02 } });
    expect(bar.reach).toEqual({ x1: 0, x2: 75 });
  });
});

describe('the step chart', () => {
  const days = ['2026-11-02', '2026-11-03', '2026-11-04'];
  const series = [
    { label: 'control', line: 'c-line-2', values: [10, 20, 30] },
    { label: 'challenger', line: 'c-line', values: [12, 0, 31] },
  ];

  test.each([900, 360] as const)('stays inside its %i units', (width) => {
    const chart = stepChart(days, series, width);
    expect(chart.paths).toHaveLength(2);
    for (const { d } of chart.paths) {
      const numbers = d.match(/-?\d+(\.\d+)?/g)?.map(Number) ?? [];
      expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...numbers)).toBeLessThanOrEqual(Math.max(width, chart.height));
      expect(d).toMatch(/^M[\d.]+ [\d.]+H[\d.]+(L[\d.]+ [\d.]+H[\d.]+){2}$/);
    }
    expect(chart.grid.at(0)?.label).toBe('0');
    expect(chart.grid.length).toBeLessThanOrEqual(7);
  });

  test('of no unit at all has an axis and a flat line', () => {
    const chart = stepChart(days, [{ label: 'a', line: 'c-line', values: [0, 0, 0] }], 900);
    expect(chart.grid.map(({ label }) => label)).toEqual(['0', '1']);
    expect(chart.paths[0]?.d).not.toContain('NaN');
  });

  test('of ten years keeps its labels apart', () => {
    const many = Array.from({ length: 3650 }, (_, day) => `d${day}`);
    const values = many.map(() => 1_000_000_000);
    expect(
      stepChart(many, [{ label: 'a', line: 'c-line', values }], 900).ticks.length,
    ).toBeLessThan(9);
  });
});

describe('offline metrics beside business effects', () => {
  const row = (over: Partial<MeasureRow>): MeasureRow => ({
    label: 'MAE',
    note: 'offline',
    desired: around(0.11, 0),
    valueWords: '−11.0%, better',
    valueNote: '0.418 → 0.372',
    tone: 'better',
    group: 'offline',
    ...over,
  });
  const rows = [
    row({}),
    row({ label: 'Bookings', desired: around(-0.012, 0.015), tone: 'neutral', group: 'business' }),
  ];

  test.each([900, 360] as const)('better is to the right at %i', (width) => {
    const chart = measureChart(rows, width);
    expect(chart.rows[0]?.tick ?? 0).toBeGreaterThan(chart.zero);
    expect(chart.rows[1]?.tick ?? 0).toBeLessThan(chart.zero);
    expect(chart.rows[0]?.band).toBeNull();
    expect(chart.rows[1]?.band).not.toBeNull();
    expect(chart.divider).not.toBeNull();
    expect(chart.grid.at(0)?.label).toMatch(/worse$/);
    expect(chart.grid.at(-1)?.label).toMatch(/better$/);
  });

  test('a wild row is cut with an arrow, and does not flatten the others', () => {
    const chart = measureChart([row({ desired: around(40, 1) }), ...rows], 900);
    expect(chart.rows[0]?.clipHigh).not.toBeNull();
    expect(chart.zero - (chart.rows[2]?.tick ?? 0)).toBeGreaterThan(1);
  });

  test('a row without a number keeps its words', () => {
    const chart = measureChart([row({ desired: null, valueWords: 'withheld' })], 360);
    expect(chart.rows[0]).toMatchObject({ tick: null, band: null, value: 'withheld' });
  });
});
