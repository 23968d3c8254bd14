import { describe, expect, test } from 'vitest';
import {
  type Correlation,
  correlation,
  correlationBca,
  createRandom,
  disattenuated,
} from '../../../src/stats/index.ts';

/** Pairs whose sample correlation is exactly r. */
function pairsOf(n: number, r: number, seed: number): [number[], number[]] {
  const random = createRandom(seed);
  const standard = (values: readonly number[]): number[] => {
    const mean = values.reduce((sum, v) => sum + v, 0) / n;
    const size = Math.hypot(...values.map((v) => v - mean));
    return values.map((v) => (v - mean) / size);
  };
  const x = standard(Array.from({ length: n }, () => random.normal()));
  const raw = standard(Array.from({ length: n }, () => random.normal()));
  const overlap = raw.reduce((sum, v, i) => sum + v * (x[i] as number), 0);
  const rest = standard(raw.map((v, i) => v - overlap * (x[i] as number)));
  return [x, x.map((v, i) => r * v + Math.sqrt(1 - r * r) * (rest[i] as number))];
}

function ok<Result extends { status: string }>(result: Result): Result & { status: 'ok' } {
  if (result.status !== 'ok') throw new Error(result.status);
  return result as Result & { status: 'ok' };
}

describe('correlation', () => {
  test("the paper's 23 pairs: r = -0.1 has the 90% interval (-0.437, 0.261)", () => {
    const [x, y] = pairsOf(23, -0.1, 2);
    const result = ok(correlation(x, y, { alpha: 0.1 }));
    expect(result.estimate).toBeCloseTo(-0.1, 12);
    expect(result.lower).toBeCloseTo(-0.437, 3);
    expect(result.upper).toBeCloseTo(0.261, 3);
    expect(result.p).toBeGreaterThan(0.1);
  });

  test('the order of pairs does not matter, nor which is x', () => {
    const [x, y] = pairsOf(40, 0.4, 3);
    for (const method of ['pearson', 'spearman'] as const) {
      const a = ok(correlation(x, y, { alpha: 0.05, method }));
      const b = ok(correlation(y.toReversed(), x.toReversed(), { alpha: 0.05, method }));
      expect(b.estimate).toBeCloseTo(a.estimate, 13);
    }
  });

  test('ranks see any increasing relation as perfect', () => {
    const x = [1, 2, 3, 4, 5, 6];
    const y = x.map((v) => Math.exp(v));
    expect(correlation(x, y, { alpha: 0.05, method: 'spearman' })).toEqual({
      status: 'zero_variance',
      estimate: 1,
    });
    expect(ok(correlation(x, y, { alpha: 0.05 })).estimate).toBeLessThan(0.95);
  });

  test('values of any size', () => {
    const [x, y] = pairsOf(12, 0.5, 4);
    for (const scale of [1e-130, 1e130]) {
      const result = ok(
        correlation(
          x.map((v) => v * scale),
          y,
          { alpha: 0.05 },
        ),
      );
      expect(result.estimate).toBeCloseTo(0.5, 12);
    }
  });

  test('too few pairs, and none that vary', () => {
    expect(correlation([1, 2, 3], [1, 2, 4], { alpha: 0.05 })).toEqual({
      status: 'insufficient_data',
    });
    expect(correlation([1, 1, 1, 1], [1, 2, 3, 4], { alpha: 0.05 })).toEqual({
      status: 'zero_variance',
    });
    expect(correlation([0, 0, 0, 0], [1, 2, 3, 4], { alpha: 0.05 })).toEqual({
      status: 'zero_variance',
    });
    expect(() => correlation([1], [1, 2], { alpha: 0.05 })).toThrow(/y has 2 values/);
    expect(() => correlation([1, NaN], [1, 2], { alpha: 0.05 })).toThrow(/x\[1\] = NaN/);
  });
});

describe('correlationBca', () => {
  test('is near Fisher on normal pairs, and the seed decides', () => {
    const [x, y] = pairsOf(60, 0.5, 5);
    const options = { alpha: 0.1, seed: 1 } as const;
    const fisher = ok(correlation(x, y, options));
    const bca = ok(correlationBca(x, y, options));
    expect(bca).toEqual(correlationBca(x, y, options));
    expect(Math.abs(bca.lower - fisher.lower)).toBeLessThan(0.1);
    expect(Math.abs(bca.upper - fisher.upper)).toBeLessThan(0.1);
    const ranks = ok(correlationBca(x, y, { ...options, method: 'spearman', draws: 500 }));
    expect(ranks.lower).toBeLessThan(ranks.estimate);
  });

  test('too few pairs, and none that vary', () => {
    const x = [1, 2, 3, 4, 5, 6, 7, 8];
    const options = { alpha: 0.1, seed: 1 };
    expect(correlationBca(x.slice(1), x.slice(1), options).status).toBe('insufficient_data');
    expect(
      correlationBca(
        x,
        x.map(() => 1),
        options,
      ).status,
    ).toBe('zero_variance');
    expect(correlationBca(x, x, options)).toEqual({ status: 'zero_variance', estimate: 1 });
    expect(() => correlationBca(x, x, { ...options, draws: 1 })).toThrow(/draws = 1/);
  });
});

describe('disattenuated', () => {
  test('brings a correlation with noisy effects back: .425 seen, about .6 true', () => {
    // MODELS 3.13: n = 400, true correlation .6, half of the effects' variance is error.
    const random = createRandom(21);
    let seen = 0;
    let corrected = 0;
    const runs = 40;
    for (let run = 0; run < runs; run += 1) {
      const x = Array.from({ length: 400 }, () => random.normal());
      const y = x.map((v) => 0.6 * v + random.normal(0, 0.8) + random.normal());
      const observed = ok(correlation(x, y, { alpha: 0.05 }));
      const result = ok(
        disattenuated(
          observed,
          y,
          y.map(() => 1),
        ),
      );
      seen += observed.estimate / runs;
      corrected += result.estimate / runs;
      expect(result.lower).toBeLessThan(result.estimate);
    }
    expect(seen).toBeCloseTo(0.425, 1);
    expect(corrected).toBeCloseTo(0.6, 1);
  });

  test('is bounded by 1, and withheld where it would be noise', () => {
    const observed: Correlation = {
      status: 'ok',
      estimate: 0.9,
      lower: 0.8,
      upper: 0.95,
      p: 0,
      n: 16,
    };
    const y = Array.from({ length: 16 }, (_, i) => i % 2);
    expect(
      ok(
        disattenuated(
          observed,
          y,
          y.map(() => 0.4),
        ),
      ).upper,
    ).toBe(1);
    expect(
      disattenuated(
        observed,
        y,
        y.map(() => 5),
      ),
    ).toEqual({
      status: 'unreliable',
      reliability: 0,
    });
    expect(
      disattenuated(
        observed,
        y.map(() => 2),
        y,
      ).reliability,
    ).toBe(0);
    expect(disattenuated({ ...observed, n: 4 }, y.slice(12), [0, 0, 0, 0]).status).toBe(
      'unreliable',
    );
    expect(() => disattenuated(observed, [1, 2], [1, 2])).toThrow(/must be 16 pairs/);
    expect(() =>
      disattenuated(
        observed,
        y,
        y.map(() => -1),
      ),
    ).toThrow(/y\[0\]|ses\[0\] = -1/);
  });
});
