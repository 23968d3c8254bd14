import { describe, expect, test } from 'vitest';
import {
  merge,
  momentsFromExactSums,
  momentsOf,
  NO_UNITS,
  ratioToNumber,
  variance,
} from '../../../src/stats/index.ts';

const MICRO = 1_000_000n;

/** What a warehouse returns: integer sums of values rounded to micro-units. */
function exactSums(values: readonly number[]) {
  const units = values.map((value) => BigInt(Math.round(value * 1e6)));
  return {
    n: values.length,
    sum: units.reduce((sum, unit) => sum + unit, 0n),
    sumOfSquares: units.reduce((sum, unit) => sum + unit * unit, 0n),
    scale: MICRO,
  };
}

describe('momentsOf', () => {
  test('a small sample has the moments of the definition', () => {
    expect(momentsOf([1, 2, 3, 6])).toEqual({ n: 4, mean: 3, m2: 14 });
  });

  test('no values are no units, one value has no deviation', () => {
    expect(momentsOf([])).toEqual(NO_UNITS);
    expect(momentsOf([0.1])).toEqual({ n: 1, mean: 0.1, m2: 0 });
  });

  test('equal values have exactly their value as mean and exactly no deviation', () => {
    expect(momentsOf([0.1, 0.1, 0.1])).toEqual({ n: 3, mean: 0.1, m2: 0 });
  });

  test('an offset of 1e8 costs no digits', () => {
    const values = [0.25, 0.5, 1.75, 3];
    const plain = momentsOf(values);
    const moved = momentsOf(values.map((value) => value + 1e8));
    expect(moved.mean).toBe(1e8 + plain.mean);
    expect(moved.m2).toBe(plain.m2);
  });

  test('an infinite or missing value is a programmer error that names the value', () => {
    expect(() => momentsOf([1, Number.NaN])).toThrow(/value = NaN/);
    expect(() => momentsOf([1, Infinity])).toThrow(RangeError);
  });
});

describe('merge', () => {
  test('the moments of two parts are the moments of the whole', () => {
    const whole = momentsOf([1, 5, 2, 8, 13, 1]);
    const parts = merge(momentsOf([1, 5]), momentsOf([2, 8, 13, 1]));
    expect(parts.n).toBe(6);
    expect(parts.mean).toBeCloseTo(whole.mean, 14);
    expect(parts.m2).toBeCloseTo(whole.m2, 12);
  });

  test('no units change nothing', () => {
    const some = momentsOf([1, 4]);
    expect(merge(NO_UNITS, some)).toBe(some);
    expect(merge(some, NO_UNITS)).toBe(some);
  });

  test('a count that is not an integer is refused by name', () => {
    expect(() => merge({ n: 1.5, mean: 0, m2: 0 }, NO_UNITS)).toThrow(/a\.n = 1\.5/);
    expect(() => merge(NO_UNITS, { n: 1, mean: 0, m2: -1 })).toThrow(/b\.m2 = -1/);
  });
});

test('variance divides by n - 1 and refuses a single unit', () => {
  expect(variance(momentsOf([1, 2, 3, 6]))).toBeCloseTo(14 / 3, 15);
  expect(() => variance(momentsOf([1]))).toThrow(/moments\.n = 1/);
});

describe('momentsFromExactSums', () => {
  test('integer sums and raw values give the same moments', () => {
    const values = [12.5, 0, 99.99, 1e-6, 129.5];
    const exact = momentsFromExactSums(exactSums(values));
    const direct = momentsOf(values);
    expect(exact.n).toBe(5);
    expect(exact.mean).toBeCloseTo(direct.mean, 12);
    expect(exact.m2).toBeCloseTo(direct.m2, 9);
  });

  test('values at the largest size keep the smallest difference', () => {
    // 1e12 and 1e12 + 1e-6: squares near 1e36 micro-units, the deviation is half a micro-unit.
    const sums = { n: 2, sum: 2n * 10n ** 18n + 1n, scale: MICRO };
    const sumOfSquares = 10n ** 36n + (10n ** 18n + 1n) ** 2n;
    expect(momentsFromExactSums({ ...sums, sumOfSquares }).m2).toBe(5e-13);
  });

  test('an origin moves the mean and leaves the deviations', () => {
    const sums = exactSums([1e9, 1e9 + 1, 1e9 + 5]);
    const moved = momentsFromExactSums({ ...sums, origin: 10n ** 15n });
    expect(moved).toEqual({ n: 3, mean: 2, m2: 14 });
  });

  test('constant values have exactly no deviation', () => {
    expect(momentsFromExactSums(exactSums([0.1, 0.1, 0.1]))).toEqual({ n: 3, mean: 0.1, m2: 0 });
  });

  test('no units are no units', () => {
    const nothing = { n: 0, sum: 0n, sumOfSquares: 0n, scale: MICRO };
    expect(momentsFromExactSums(nothing)).toEqual(NO_UNITS);
  });

  test('sums that cannot belong together are refused', () => {
    const sums = { n: 2, sum: 10n, sumOfSquares: 1n, scale: MICRO };
    expect(() => momentsFromExactSums(sums)).toThrow(/sumOfSquares = 1: impossible/);
    expect(() => momentsFromExactSums({ ...sums, scale: 0n })).toThrow(/scale = 0/);
    expect(() => momentsFromExactSums({ ...sums, n: 0 })).toThrow(RangeError);
  });
});

describe('ratioToNumber', () => {
  test('ordinary fractions are the nearest doubles', () => {
    expect(ratioToNumber(1n, 3n)).toBe(1 / 3);
    expect(ratioToNumber(-2n, 3n)).toBe(-2 / 3);
    expect(ratioToNumber(0n, 7n)).toBe(0);
    expect(ratioToNumber(10n ** 22n, 1n)).toBe(1e22);
    expect(ratioToNumber(1n, 10n ** 300n)).toBe(1e-300);
    expect(ratioToNumber(10n ** 308n, 1n)).toBe(1e308);
  });

  test('a tie goes to the even neighbour', () => {
    expect(ratioToNumber(2n ** 53n + 1n, 1n)).toBe(2 ** 53);
    expect(ratioToNumber(2n ** 53n + 3n, 1n)).toBe(2 ** 53 + 4);
    expect(ratioToNumber(2n ** 54n + 2n, 1n)).toBe(2 ** 54);
  });

  test('just beyond a tie goes to the nearer neighbour', () => {
    expect(ratioToNumber(10n ** 40n * (2n ** 53n + 1n) + 1n, 10n ** 40n)).toBe(2 ** 53 + 2);
    expect(ratioToNumber(10n ** 40n * (2n ** 53n + 3n) - 1n, 10n ** 40n)).toBe(2 ** 53 + 2);
  });

  test('gradual underflow rounds once', () => {
    expect(ratioToNumber(1n, 2n ** 1074n)).toBe(Number.MIN_VALUE);
    expect(ratioToNumber(1n, 2n ** 1075n)).toBe(0);
    expect(ratioToNumber(3n, 2n ** 1075n)).toBe(2 * Number.MIN_VALUE);
    expect(ratioToNumber(2n ** 60n + 1n, 2n ** 1135n)).toBe(Number.MIN_VALUE);
  });

  test('a carry to the next power of two is right', () => {
    expect(ratioToNumber(2n ** 54n - 1n, 1n)).toBe(2 ** 54);
    expect(ratioToNumber(2n ** 1024n - 2n ** 971n, 1n)).toBe(Number.MAX_VALUE);
  });

  test('what exceeds the doubles, and a denominator of 0, are refused', () => {
    expect(() => ratioToNumber(2n ** 1024n, 1n)).toThrow(RangeError);
    expect(() => ratioToNumber(2n ** 1024n - 2n ** 970n, 1n)).toThrow(RangeError);
    expect(() => ratioToNumber(1n, 0n)).toThrow(/denominator = 0/);
    expect(() => ratioToNumber(1n, -1n)).toThrow(RangeError);
  });
});
