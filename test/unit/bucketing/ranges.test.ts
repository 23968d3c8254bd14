import { describe, expect, test } from 'vitest';
import { limitOf, rangeOf, upperEnds } from '../../../src/bucketing/ranges.ts';

const LAST = 2 ** 32 - 1;

describe('a share', () => {
  test.each([
    [0, 0],
    [1, 2 ** 32],
    [0.5, 2 ** 31],
    [2 ** -32, 1],
    [2 ** -33, 1],
    [2 ** -34, 0],
    [1 - 2 ** -32, LAST],
    [0.1, 429_496_730],
  ])('of %d holds the positions below %d', (share, limit) => {
    expect(limitOf(share)).toBe(limit);
  });

  test.each([-0.1, 1.1, Number.NaN, Number.POSITIVE_INFINITY])('of %d is a bug', (share) => {
    expect(() => limitOf(share)).toThrow(RangeError);
  });

  test('never shrinks when it grows', () => {
    let before = 0;
    for (let share = 0; share <= 1; share += 0.0001) {
      expect(limitOf(share)).toBeGreaterThanOrEqual(before);
      before = limitOf(share);
    }
  });
});

describe('weights', () => {
  test('make half-open ranges that leave no gap', () => {
    const ends = upperEnds([1, 1]);
    expect(ends).toEqual([1, 2]);
    expect(rangeOf(ends, 0)).toBe(0);
    expect(rangeOf(ends, 2 ** 31 - 1)).toBe(0);
    expect(rangeOf(ends, 2 ** 31)).toBe(1);
    expect(rangeOf(ends, LAST)).toBe(1);
  });

  test('of 0 hold nobody, wherever they stand', () => {
    for (const weights of [
      [0, 1, 1],
      [1, 0, 1],
      [1, 1, 0],
    ]) {
      const ends = upperEnds(weights);
      const empty = weights.indexOf(0);
      for (const position of [0, 1, 2 ** 31 - 1, 2 ** 31, LAST - 1, LAST]) {
        expect(rangeOf(ends, position)).not.toBe(empty);
      }
    }
  });

  test('up to a million are exact at every border', () => {
    const weights = [333_337, 1, 333_331, 333_331];
    const ends = upperEnds(weights);
    const total = ends.at(-1) ?? 0;
    for (const [index, end] of ends.slice(0, -1).entries()) {
      // The first position with floor(position * total / 2^32) >= end, by big integers.
      const border = Number((BigInt(end) * 2n ** 32n + BigInt(total) - 1n) / BigInt(total));
      expect(rangeOf(ends, border - 1)).toBe(index);
      expect(rangeOf(ends, border)).toBe(index + 1);
    }
    expect(rangeOf(ends, LAST)).toBe(weights.length - 1);
  });

  test.each([[[0, 0]], [[-1, 2]], [[0.5, 0.5]], [[Number.NaN]], [[]]])(
    '%j are a bug',
    (weights) => {
      expect(() => upperEnds(weights)).toThrow(RangeError);
    },
  );
});
