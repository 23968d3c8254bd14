import { describe, expect, test } from 'vitest';
import { fisherExact, newcombe, pooledTest, wilson } from '../../../src/stats/index.ts';

const alpha = 0.05;

describe('wilson', () => {
  test('nobody and everybody converting have a bound at the end of the range', () => {
    expect(wilson({ successes: 0, n: 50 }, { alpha }).lower).toBe(0);
    expect(wilson({ successes: 50, n: 50 }, { alpha }).upper).toBe(1);
  });

  test('successes and failures mirror each other', () => {
    const few = wilson({ successes: 3, n: 40 }, { alpha });
    const many = wilson({ successes: 37, n: 40 }, { alpha });
    expect(many.lower).toBeCloseTo(1 - few.upper, 14);
    expect(many.upper).toBeCloseTo(1 - few.lower, 14);
  });

  test('impossible counts are refused by name', () => {
    expect(() => wilson({ successes: 5, n: 4 }, { alpha })).toThrow(/arm\.successes = 5/);
    expect(() => wilson({ successes: 0, n: 0 }, { alpha })).toThrow(/arm\.n = 0/);
  });
});

test('newcombe stays inside [-1, 1] where Wald leaves it', () => {
  const all = newcombe({ successes: 0, n: 1 }, { successes: 1, n: 1 }, { alpha });
  expect(all.estimate).toBe(1);
  expect(all.upper).toBe(1);
  expect(all.lower).toBeGreaterThanOrEqual(-1);
});

describe('fisherExact', () => {
  // scipy 1.x stats.fisher_exact.
  test.each([
    [{ successes: 3000, n: 100_000 }, { successes: 3200, n: 100_000 }, 0.01024076326330061],
    [{ successes: 1, n: 10_000 }, { successes: 30, n: 10_000 }, 2.920125121350494e-8],
  ])('%j against %j', (control, treatment, p) => {
    expect(Math.abs(fisherExact(control, treatment).p / p - 1)).toBeLessThan(1e-8);
  });

  test('swapping the arms changes nothing', () => {
    const a = { successes: 3, n: 39 };
    const b = { successes: 9, n: 41 };
    expect(fisherExact(a, b).p).toBeCloseTo(fisherExact(b, a).p, 12);
  });

  test('it is the sum over all tables, on small ones', () => {
    const choose = (n: number, k: number): number =>
      k < 0 || k > n ? 0 : k === 0 ? 1 : (choose(n, k - 1) * (n - k + 1)) / k;
    for (let x = 0; x <= 7; x += 1) {
      for (let y = 0; y <= 5; y += 1) {
        const total = x + y;
        const ways = (k: number): number => choose(5, k) * choose(7, total - k);
        let sum = 0;
        for (let k = 0; k <= 5; k += 1) if (ways(k) <= ways(y) * (1 + 1e-7)) sum += ways(k);
        const { p } = fisherExact({ successes: x, n: 7 }, { successes: y, n: 5 });
        expect(p).toBeCloseTo(sum / choose(12, total), 10);
      }
    }
  });

  test('no success at all tells nothing', () => {
    expect(fisherExact({ successes: 0, n: 9 }, { successes: 0, n: 5 })).toEqual({ p: 1, logP: 0 });
  });
});

test('the pooled test has no answer when nobody converts', () => {
  const nobody = { successes: 0, n: 10 };
  expect(pooledTest(nobody, nobody)).toEqual({ status: 'zero_variance', estimate: 0 });
});
