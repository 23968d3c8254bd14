import { describe, expect, test } from 'vitest';
import { contrast, interaction, type Moments, momentsOf, welch } from '../../../src/stats/index.ts';

const alpha = 0.05;
const arm = (n: number, mean: number, sd: number): Moments => ({
  n,
  mean,
  m2: (n - 1) * sd * sd,
});

describe('contrast', () => {
  const control = momentsOf([9.1, 10.4, 8.7, 11.2, 10]);
  const treatment = momentsOf([10.9, 12.1, 9.8, 11.7, 12.6, 11.3]);

  test('with weights -1 and 1 it is Welch', () => {
    const a = contrast([control, treatment], [-1, 1], { alpha });
    const b = welch(control, treatment, { alpha });
    if (a.status !== 'ok' || b.status !== 'ok') throw new Error('no answer');
    for (const key of ['estimate', 'se', 'degreesOfFreedom', 'p', 'lower', 'upper'] as const) {
      expect(a[key]).toBeCloseTo(b[key], 12);
    }
  });

  test('one arm is compared with 0 by its own degrees of freedom', () => {
    const result = contrast([control], [1], { alpha });
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.degreesOfFreedom).toBeCloseTo(4, 12);
    expect(result.estimate).toBeCloseTo(control.mean, 14);
  });

  test('effects of segments are put together with the weights of the population', () => {
    // 30% of people in the first segment, 70% in the second; more of the first in treatment.
    const segments = [arm(100, 1, 1), arm(300, 1.5, 1), arm(400, 5, 1), arm(200, 5.1, 1)];
    const result = contrast(segments, [-0.3, 0.3, -0.7, 0.7], { alpha });
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.estimate).toBeCloseTo(0.3 * 0.5 + 0.7 * 0.1, 12);
  });

  test('what cannot be answered is said', () => {
    expect(contrast([control, momentsOf([])], [-1, 1], { alpha })).toEqual({
      status: 'insufficient_data',
    });
    expect(contrast([control, momentsOf([3])], [-1, 1], { alpha })).toEqual({
      status: 'insufficient_data',
      estimate: 3 - control.mean,
    });
    const still = momentsOf([2, 2]);
    expect(contrast([still, still], [-1, 2], { alpha })).toEqual({
      status: 'zero_variance',
      estimate: 2,
    });
    expect(contrast([control, momentsOf([])], [1, 0], { alpha }).status).toBe('ok');
  });

  test('arguments out of range are refused by name', () => {
    expect(() => contrast([control], [1, 2], { alpha })).toThrow(/weights has 2 values/);
    expect(() => contrast([control], [0], { alpha })).toThrow(/not all 0/);
    expect(() => contrast([control], [NaN], { alpha })).toThrow(/weights\[0\] = NaN/);
    expect(() => contrast([control], [1e10], { alpha })).toThrow(/weights\[0\] = 10000000000/);
  });
});

describe('interaction', () => {
  const cells = [
    [arm(1000, 10, 2), arm(1100, 10.5, 2)],
    [arm(900, 11, 2.5), arm(1000, 11.6, 2.5)],
  ];

  test('two by two is one contrast', () => {
    const result = interaction(cells, { alpha });
    if (result.status !== 'ok') throw new Error(result.status);
    const effect = result.effects[0]?.[0];
    if (effect?.status !== 'ok') throw new Error('no effect');
    expect(effect.estimate).toBeCloseTo(0.1, 12);
    expect(result.p).toBe(effect.p);
    expect(result.degreesOfFreedom).toBe(1);
  });

  test('effects that add leave no interaction', () => {
    const rows = [0, 1, 3];
    const columns = [0, 0.5, 2, 4];
    const grid = rows.map((a) => columns.map((b) => arm(500, 10 + a + b, 1 + a / 3)));
    const result = interaction(grid, { alpha });
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.chiSquare).toBeCloseTo(0, 18);
    expect(result.degreesOfFreedom).toBe(6);
    expect(result.p).toBeCloseTo(1, 12);
  });

  test("Wald's statistic is the weighted distance from the nearest additive table", () => {
    const means = [
      [10, 10.4, 10.1],
      [10.3, 10.5, 10.9],
      [9.8, 10.6, 10.4],
    ];
    const grid = means.map((row, i) => row.map((mean, j) => arm(400 + 50 * i + 30 * j, mean, 2)));
    const result = interaction(grid, { alpha });
    if (result.status !== 'ok') throw new Error(result.status);
    // Weighted least squares of row + column effects, by alternating projections.
    const weight = (i: number, j: number): number => (grid[i]?.[j]?.n as number) / 4;
    const row = [0, 0, 0];
    const column = [0, 0, 0];
    for (let k = 0; k < 2000; k += 1) {
      for (const [own, other, at] of [
        [row, column, (i: number, j: number) => [i, j]],
        [column, row, (i: number, j: number) => [j, i]],
      ] as const) {
        for (let i = 0; i < 3; i += 1) {
          let sum = 0;
          let total = 0;
          for (let j = 0; j < 3; j += 1) {
            const [r, c] = at(i, j) as [number, number];
            sum += weight(r, c) * ((means[r]?.[c] as number) - (other[j] as number));
            total += weight(r, c);
          }
          own[i] = sum / total;
        }
      }
    }
    let distance = 0;
    for (let i = 0; i < 3; i += 1) {
      for (let j = 0; j < 3; j += 1) {
        const residual = (means[i]?.[j] as number) - (row[i] as number) - (column[j] as number);
        distance += weight(i, j) * residual ** 2;
      }
    }
    expect(result.chiSquare).toBeCloseTo(distance, 8);
  });

  test('an empty cell and cells without error cannot be tested', () => {
    const thin = [[cells[0]?.[0] as Moments, momentsOf([])], cells[1] as Moments[]];
    expect(interaction(thin, { alpha }).status).toBe('insufficient_data');
    const still = [
      [arm(5, 1, 0), arm(5, 2, 0)],
      [arm(5, 3, 0), arm(5, 5, 0)],
    ];
    expect(interaction(still, { alpha }).status).toBe('zero_variance');
  });

  test('a table that is not one is refused', () => {
    expect(() => interaction([[cells[0]?.[0] as Moments]], { alpha })).toThrow(/at least 2 by 2/);
    expect(() => interaction([cells[0] as Moments[], []], { alpha })).toThrow(/rows of 2, 0/);
  });
});
