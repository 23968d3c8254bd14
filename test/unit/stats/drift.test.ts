import { describe, expect, test } from 'vitest';
import {
  binCounts,
  createRandom,
  jensenShannon,
  kolmogorovSmirnov,
  normalCdf,
  normalQuantile,
  populationStability,
  quantileEdges,
} from '../../../src/stats/index.ts';

function ok<Result extends { status: string }>(result: Result): Result & { status: 'ok' } {
  if (result.status !== 'ok') throw new Error(result.status);
  return result as Result & { status: 'ok' };
}

/** Counts of Normal(delta, 1) in the deciles of Normal(0, 1). */
function moved(delta: number, n: number): number[] {
  const edges = Array.from({ length: 9 }, (_, k) => normalQuantile((k + 1) / 10));
  const below = [0, ...edges.map((edge) => normalCdf(edge - delta)), 1];
  return below.slice(1).map((value, i) => Math.round(n * (value - (below[i] as number))));
}

describe('populationStability and jensenShannon', () => {
  test.each([
    [0.1, 0.0096],
    [0.2, 0.0383],
    [0.3, 0.0861],
    [0.5, 0.2377],
  ])('a shift of %s standard deviations has an index of %s', (delta, index) => {
    const result = ok(populationStability(moved(0, 1e9), moved(delta, 1e9)));
    expect(result.distance).toBeCloseTo(index, 4);
    expect(result.level).toBe(index > 0.1 ? 'warn' : 'stable');
    expect(result.beyondChance).toBe(true);
  });

  test('the divergence of half a standard deviation, and the largest of all', () => {
    expect(ok(jensenShannon(moved(0, 1e9), moved(0.5, 1e9))).distance).toBeCloseTo(0.0419, 3);
    expect(ok(jensenShannon([5, 0], [0, 7])).distance).toBe(1);
    expect(ok(jensenShannon([5, 7], [50, 70])).distance).toBe(0);
  });

  test('the band of 500 against 500 values in ten bins', () => {
    const even = new Array<number>(10).fill(50);
    const result = ok(populationStability(even, [30, 40, 45, 50, 50, 50, 50, 55, 60, 70]));
    expect(result.expected).toBeCloseTo(0.036, 12);
    expect(result.band).toBeCloseTo(0.112, 3);
    expect(result.beyondChance).toBe(false);
    expect(result.p).toBeGreaterThanOrEqual(0.001);
  });

  test('a large index within the band of few values is no alarm', () => {
    const result = ok(populationStability([5, 5, 5, 5], [9, 2, 5, 4]));
    expect(result.distance).toBeGreaterThan(0.1);
    expect(result.level).toBe('stable');
    expect(ok(populationStability([500, 500], [100, 900])).level).toBe('page');
  });

  test('an empty histogram and a single bin cannot be compared', () => {
    expect(populationStability([0, 0], [1, 2])).toEqual({ status: 'no_data' });
    expect(jensenShannon([3, 0], [2, 0])).toEqual({ status: 'insufficient_data', estimate: 0 });
    expect(() => populationStability([1, 2, 3], [1, 2])).toThrow(/current has 2 bins/);
    expect(() => populationStability([1, 2], [1, 0.5])).toThrow(/current\[1\] = 0\.5/);
    expect(() => jensenShannon([1, 2], [1, 2], { alpha: 0 })).toThrow(/alpha = 0/);
  });
});

describe('quantileEdges and binCounts', () => {
  test('edges cut the reference into equal counts, and every value has its bin', () => {
    const values = Array.from({ length: 1000 }, (_, i) => i);
    const edges = quantileEdges(values, 4);
    expect(edges).toEqual([249.75, 499.5, 749.25]);
    expect(binCounts(values, edges)).toEqual([250, 250, 250, 250]);
    expect(binCounts([-5, 249.75, 1e9], edges)).toEqual([1, 1, 0, 1]);
    expect(binCounts([1, 2], [])).toEqual([2]);
  });

  test('values that repeat have fewer edges', () => {
    expect(quantileEdges([1, 1, 1, 1, 2], 4)).toEqual([1]);
    expect(quantileEdges([7], 3)).toEqual([7]);
  });

  test('arguments out of range are refused by name', () => {
    expect(() => quantileEdges([], 4)).toThrow(/values/);
    expect(() => quantileEdges([1], 1)).toThrow(/bins = 1/);
    expect(() => quantileEdges([NaN], 2)).toThrow(/values\[0\] = NaN/);
    expect(() => binCounts([1], [2, 2])).toThrow(/edges\[1\] = 2/);
    expect(() => binCounts([NaN], [2])).toThrow(/values\[0\] = NaN/);
  });
});

describe('kolmogorovSmirnov', () => {
  const random = createRandom(8);
  const draw = (n: number, mean: number): number[] =>
    Array.from({ length: n }, () => random.normal(mean));

  test('exact and asymptotic p-values meet where the one becomes the other', () => {
    const [x, y] = [draw(320, 0), draw(310, 0.15)];
    const exact = ok(kolmogorovSmirnov(x, y));
    const more = ok(kolmogorovSmirnov([...x, ...x], [...y, ...y]));
    expect([exact.method, more.method]).toEqual(['exact', 'asymptotic']);
    expect(more.distance).toBeCloseTo(exact.distance, 12);
    const lambda = exact.distance * Math.sqrt((320 * 310) / 630);
    const limit = 2 * Math.exp(-2 * lambda * lambda);
    expect(Math.abs(exact.p / limit - 1)).toBeLessThan(0.15);
  });

  test('a hundredth of a standard deviation is significant at a million values, and nothing', () => {
    // D of that shift is 0.00399; the distance alone decides p.
    const n = 1_000_000;
    const grid = Array.from({ length: n }, (_, i) => i);
    const result = ok(
      kolmogorovSmirnov(
        grid,
        grid.map((v) => v + 3989),
      ),
    );
    expect(result.distance).toBeCloseTo(0.00399, 5);
    expect(Math.log10(result.p)).toBeCloseTo(Math.log10(2.5e-7), 1);
  });

  test('the band is where p crosses alpha', () => {
    for (const [n, m] of [
      [15, 12],
      [40, 60],
      [2000, 1000],
    ] as const) {
      const alpha = 0.01;
      const { band } = ok(kolmogorovSmirnov(draw(n, 0), draw(m, 0), { alpha }));
      expect(band).toBeGreaterThan(0);
      expect(band * n * m).toBeCloseTo(Math.round(band * n * m), 6);
      // A sample moved by hand to just this distance.
      const steps = Math.round(band * n);
      const x = Array.from({ length: n }, (_, i) => (i < steps + 1 ? -1 - i : 2 * i + 1));
      const y = Array.from({ length: m }, (_, j) => ((j + 0.5) * 2 * n) / m);
      expect(ok(kolmogorovSmirnov(x, y, { alpha })).beyondChance).toBe(true);
    }
    expect(ok(kolmogorovSmirnov([1, 2], [3, 4])).band).toBe(2);
  });

  test('equal samples are at distance 0, an empty one at none', () => {
    expect(ok(kolmogorovSmirnov([1, 2, 2], [1, 2, 2]))).toMatchObject({ distance: 0, p: 1 });
    expect(kolmogorovSmirnov([], [1])).toEqual({ status: 'no_data' });
    expect(() => kolmogorovSmirnov([1, NaN], [1])).toThrow(/x\[1\] = NaN/);
  });
});
